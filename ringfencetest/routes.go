package ringfencetest

import (
	"net/http"
	"slices"
	"strings"
)

// Route is one route and how to ask for it.
type Route struct {
	Method, Pattern string
	// Path is what is asked for, with the id of a row of the owner's where the pattern wants one; the pattern where it is empty.
	Path string
	// Missing is the same with an id that is nobody's: another tenant must get the very answer that Missing gets.
	Missing string
	// Body of the request; empty for none. MissingBody is the same with an id that is nobody's, where it is the body that
	// names a row.
	Body, MissingBody string
	// Public routes need no tenant: they are served without a token.
	Public bool
	// Silent routes run no SQL.
	Silent bool
	// Shows says that the owner's answer carries one of Walk.Markers.
	Shows bool
	// Status of the owner's answer, or of anybody's where the route is public; 0 for any below 400.
	Status int
	// Header adds to the request.
	Header http.Header
}

// String is the method and the pattern.
func (r Route) String() string { return r.Method + " " + r.Pattern }

// Collect makes routes of what a router lists. The function is handed one that takes a method and a pattern, and calls it for
// each route; for chi:
//
//	ringfencetest.Collect(func(add func(method, pattern string)) {
//		chi.Walk(router, func(method, route string, _ http.Handler, _ ...func(http.Handler) http.Handler) error {
//			add(method, route)
//			return nil
//		})
//	})
//
// For gin and echo it is a loop over Routes().
func Collect(walk func(add func(method, pattern string))) []Route {
	var routes []Route
	walk(func(method, pattern string) { routes = append(routes, Route{Method: method, Pattern: pattern}) })
	slices.SortFunc(routes, func(a, b Route) int { return strings.Compare(a.String(), b.String()) })
	return routes
}

// Mux is an http.ServeMux that can tell its patterns: the one of net/http cannot. An application that registers its routes on
// an interface with Handle and HandleFunc is handed one in tests.
type Mux struct {
	http.ServeMux
	patterns []string
}

// Handle is http.ServeMux's, and keeps the pattern.
func (m *Mux) Handle(pattern string, h http.Handler) {
	m.ServeMux.Handle(pattern, h)
	m.patterns = append(m.patterns, pattern)
}

// HandleFunc is http.ServeMux's, and keeps the pattern.
func (m *Mux) HandleFunc(pattern string, h func(http.ResponseWriter, *http.Request)) {
	m.Handle(pattern, http.HandlerFunc(h))
}

// Routes lists the routes; a pattern without a method is asked for with GET.
func (m *Mux) Routes() []Route {
	return Collect(func(add func(method, pattern string)) {
		for _, p := range m.patterns {
			method, path, ok := strings.Cut(p, " ")
			if !ok {
				method, path = http.MethodGet, p
			}
			add(method, strings.TrimLeft(path, " \t"))
		}
	})
}
