package api

import (
	"net/http"
)

// Route is one route as the server serves it.
type Route struct {
	Method, Pattern string
	Public          bool   // needs no tenant
	Table           string // the table behind it, "schema.table" unquoted; empty for none
	Global          bool   // its rows are every organisation's
	handler         http.HandlerFunc
}

// Routes are all routes of the server, in a fixed order.
func (s *Server) Routes() []Route {
	routes := []Route{
		{Method: "GET", Pattern: "/healthz", Public: true, handler: s.health},
		{Method: "GET", Pattern: "/.well-known/jwks.json", Public: true, handler: s.issuer.ServeHTTP},
		{Method: "POST", Pattern: "/login", Public: true, handler: s.login},
		{Method: "POST", Pattern: "/webhooks/telephony", Public: true, handler: s.webhook},
		{Method: "GET", Pattern: "/api/whoami", handler: s.whoami},
	}
	for _, r := range s.resources {
		for _, op := range r.operations {
			routes = append(routes, s.route(r, op))
		}
	}
	return routes
}

// route makes the route of one operation on a resource.
func (s *Server) route(r resource, operation rune) Route {
	all, one := "/api/"+r.path, "/api/"+r.path+"/{id}"
	route := Route{Table: r.schema + "." + r.table, Global: r.global}
	switch operation {
	case 'l':
		route.Method, route.Pattern, route.handler = "GET", all, s.list(r)
	case 'g':
		route.Method, route.Pattern, route.handler = "GET", one, s.get(r)
	case 'c':
		route.Method, route.Pattern, route.handler = "POST", all, s.create(r)
	case 'u':
		route.Method, route.Pattern, route.handler = "PATCH", one, s.update(r)
	case 'd':
		route.Method, route.Pattern, route.handler = "DELETE", one, s.remove(r)
	}
	return route
}

// public names the routes that need no tenant, as the middleware wants them.
func public(routes []Route) (names []string) {
	for _, r := range routes {
		if r.Public {
			names = append(names, r.Method+" "+r.Pattern)
		}
	}
	return names
}

// find returns the resource of a path.
func (s *Server) find(path string) (resource, bool) {
	for _, r := range s.resources {
		if r.path == path {
			return r, true
		}
	}
	return resource{}, false
}
