package api

import (
	"net/http"
	"regexp"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
)

// maxRows bounds a list.
const maxRows = 100

func (r resource) relation() string { return pgx.Identifier{r.schema, r.table}.Sanitize() }

// shown lists the columns that are read.
func (r resource) shown() string {
	names := make([]string, len(r.columns))
	for i, c := range r.columns {
		names[i] = pgx.Identifier{c}.Sanitize()
	}
	return strings.Join(names, ", ")
}

func (s *Server) list(res resource) http.HandlerFunc {
	sql := "SELECT coalesce(json_agg(r), '[]')::text FROM (SELECT " + res.shown() + " FROM " + res.relation() +
		" ORDER BY " + pgx.Identifier{res.key}.Sanitize() + " LIMIT " + strconv.Itoa(maxRows) + ") r"
	return func(w http.ResponseWriter, r *http.Request) {
		s.object(w, r, s.pool.QueryRow(r.Context(), sql), http.StatusOK)
	}
}

func (s *Server) get(res resource) http.HandlerFunc {
	sql := "SELECT row_to_json(r)::text FROM (SELECT " + res.shown() + " FROM " + res.relation() +
		" WHERE " + pgx.Identifier{res.key}.Sanitize() + " = $1) r"
	return func(w http.ResponseWriter, r *http.Request) {
		key, ok := res.parseKey(r.PathValue("id"))
		if !ok {
			answer(w, http.StatusNotFound, notFound)
			return
		}
		s.object(w, r, s.pool.QueryRow(r.Context(), sql, key), http.StatusOK)
	}
}

var uuidText = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)

// parseKey reads the name of a row. What cannot be one names no row.
func (r resource) parseKey(s string) (any, bool) {
	switch r.kind {
	case "uuid":
		return s, uuidText.MatchString(s)
	case "bigint":
		n, err := strconv.ParseInt(s, 10, 64)
		return n, err == nil
	}
	return s, len(s) <= 256 && plain(s)
}
