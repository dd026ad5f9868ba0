package api

import (
	"errors"
	"log/slog"
	"net/http"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ringfencehq/ringfence"
)

// The answers that are not a resource. Another organisation's row and one that does not exist are the same answer.
var (
	notFound = []byte(`{"error":"not found"}`)
	invalid  = []byte(`{"error":"invalid"}`)
	conflict = []byte(`{"error":"conflict"}`)
	internal = []byte(`{"error":"internal"}`)
)

func answer(w http.ResponseWriter, status int, body []byte) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n'))
}

// object answers with the one JSON value of a row.
func (s *Server) object(w http.ResponseWriter, r *http.Request, row pgx.Row, status int) {
	var body string
	if err := row.Scan(&body); err != nil {
		s.fail(w, r, err)
		return
	}
	answer(w, status, []byte(body))
}

// fail answers an error without telling it.
func (s *Server) fail(w http.ResponseWriter, r *http.Request, err error) {
	if _, refused := ringfence.RefusalOf(err); refused || errors.Is(err, ringfence.ErrNoTenant) {
		ringfence.WriteRefusal(w, err)
		return
	}
	if errors.Is(err, pgx.ErrNoRows) {
		answer(w, http.StatusNotFound, notFound)
		return
	}
	code := ""
	if pg := (*pgconn.PgError)(nil); errors.As(err, &pg) {
		code = pg.Code
	}
	switch code {
	case "23503", "23505": // of the organisation's own rows: the keys carry the tenant
		answer(w, http.StatusConflict, conflict)
	case "23502", "23514", "22003", "22001", "22007", "22008", "22P05", "22021":
		answer(w, http.StatusBadRequest, invalid)
	default:
		s.config.Logger.ErrorContext(r.Context(), "answering a request", slog.String("route", r.Pattern), slog.String("sqlstate", code))
		answer(w, http.StatusInternalServerError, internal)
	}
}
