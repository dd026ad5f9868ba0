// Package routers shows the middleware in front of net/http, chi, echo and gin. It is the same everywhere: the router is an
// http.Handler, the guard stands in front of all of it, and no route can be forgotten. Handlers find the tenant in the request's
// context, which is what a ringfence.Pool reads; they never ask for it by name.
//
// The example is a module of its own, so that nobody who imports ringfence pulls in three routers.
package routers

import (
	"context"
	"errors"
	"net/http"

	"github.com/gin-gonic/gin"
	"github.com/go-chi/chi/v5"
	"github.com/jackc/pgx/v5"
	"github.com/labstack/echo/v4"

	"github.com/ringfencehq/ringfence"
)

// Guard is ringfence.Middleware with the application's Authorizer. /healthz is the one route that needs no tenant, and it is named.
func Guard(a ringfence.Authorizer, r ringfence.Recorder) func(http.Handler) http.Handler {
	return ringfence.Middleware(a, ringfence.MiddlewareOptions{Public: []string{"GET /healthz"}, Recorder: r})
}

// order is what all four serve: a row of the tenant's, by the pool that sets the tenant.
func order(ctx context.Context, pool *ringfence.Pool, id string) (title string, status int) {
	err := pool.QueryRow(ctx, "SELECT title FROM orders WHERE id = $1", id).Scan(&title)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return "", http.StatusNotFound
	case err != nil:
		return "", http.StatusInternalServerError
	}
	return title, http.StatusOK
}

// Plain is net/http's own router.
func Plain(guard func(http.Handler) http.Handler, pool *ringfence.Pool) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })
	mux.HandleFunc("GET /orders/{id}", func(w http.ResponseWriter, r *http.Request) {
		title, status := order(r.Context(), pool, r.PathValue("id"))
		w.WriteHeader(status)
		_, _ = w.Write([]byte(title))
	})
	return guard(mux)
}

// Chi takes the guard as one of its own middlewares, which stand before routing.
func Chi(guard func(http.Handler) http.Handler, pool *ringfence.Pool) *chi.Mux {
	r := chi.NewRouter()
	r.Use(guard)
	r.Get("/healthz", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })
	r.Get("/orders/{id}", func(w http.ResponseWriter, r *http.Request) {
		title, status := order(r.Context(), pool, chi.URLParam(r, "id"))
		w.WriteHeader(status)
		_, _ = w.Write([]byte(title))
	})
	return r
}

// Echo takes the guard by Pre, which stands before routing: by Use, it would not see what no route matches.
func Echo(guard func(http.Handler) http.Handler, pool *ringfence.Pool) *echo.Echo {
	e := echo.New()
	e.Pre(echo.WrapMiddleware(guard))
	e.GET("/healthz", func(c echo.Context) error { return c.NoContent(http.StatusOK) })
	e.GET("/orders/:id", func(c echo.Context) error {
		title, status := order(c.Request().Context(), pool, c.Param("id"))
		return c.String(status, title)
	})
	return e
}

// Gin has middlewares of another shape; the guard goes around the engine, which is a handler like any other.
func Gin(guard func(http.Handler) http.Handler, pool *ringfence.Pool) (http.Handler, *gin.Engine) {
	gin.SetMode(gin.ReleaseMode)
	e := gin.New()
	e.GET("/healthz", func(c *gin.Context) { c.Status(http.StatusOK) })
	e.GET("/orders/:id", func(c *gin.Context) {
		title, status := order(c.Request.Context(), pool, c.Param("id"))
		c.String(status, "%s", title)
	})
	return guard(e), e
}
