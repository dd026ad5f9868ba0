package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence"
)

// maxBody bounds what a client may send.
const maxBody = 64 << 10

var errBody = errors.New("a body that is not taken")

// values are the columns and values that a client may write and did.
type values struct {
	columns []string
	args    []any
	parents []reference
}

// reference is a row that a written row points to.
type reference struct {
	resource resource
	id       any
}

func (s *Server) create(res resource) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		v, err := s.body(w, r, res)
		if err != nil || !v.complete(res) {
			answer(w, http.StatusBadRequest, invalid)
			return
		}
		tenant, err := ringfence.TenantFrom(r.Context())
		if err != nil {
			s.fail(w, r, err)
			return
		}
		if !res.child { // the organisation is the token's, whatever the body says
			v.columns, v.args = append(v.columns, "organization_id"), append(v.args, tenant.String())
		}
		var names, places []string
		for i, c := range v.columns {
			names, places = append(names, pgx.Identifier{c}.Sanitize()), append(places, "$"+strconv.Itoa(i+1))
		}
		s.write(w, r, res, v, http.StatusCreated, "INSERT INTO "+res.relation()+" ("+strings.Join(names, ", ")+") VALUES ("+strings.Join(places, ", ")+")")
	}
}

func (s *Server) update(res resource) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		key, ok := res.parseKey(r.PathValue("id"))
		if !ok {
			answer(w, http.StatusNotFound, notFound)
			return
		}
		v, err := s.body(w, r, res)
		if err != nil || len(v.columns) == 0 {
			answer(w, http.StatusBadRequest, invalid)
			return
		}
		var sets []string
		for i, c := range v.columns {
			sets = append(sets, pgx.Identifier{c}.Sanitize()+" = $"+strconv.Itoa(i+1))
		}
		v.args = append(v.args, key)
		s.write(w, r, res, v, http.StatusOK, "UPDATE "+res.relation()+" SET "+strings.Join(sets, ", ")+" WHERE "+pgx.Identifier{res.key}.Sanitize()+" = $"+strconv.Itoa(len(v.args)))
	}
}

// write runs one statement that writes a row, after the rows it points to were seen by the organisation's own eyes.
func (s *Server) write(w http.ResponseWriter, r *http.Request, res resource, v values, status int, sql string) {
	var body string
	err := s.inTx(r.Context(), func(tx *ringfence.Tx) error {
		for _, p := range v.parents {
			var one int
			if err := tx.QueryRow(r.Context(), "SELECT 1 FROM "+p.resource.relation()+" WHERE "+pgx.Identifier{p.resource.key}.Sanitize()+" = $1", p.id).Scan(&one); err != nil {
				return err
			}
		}
		return tx.QueryRow(r.Context(), "WITH r AS ("+sql+" RETURNING "+res.shown()+") SELECT row_to_json(r)::text FROM r", v.args...).Scan(&body)
	})
	if err != nil {
		s.fail(w, r, err)
		return
	}
	answer(w, status, []byte(body))
}

// inTx runs fn in one transaction.
func (s *Server) inTx(ctx context.Context, fn func(*ringfence.Tx) error) error {
	tx, err := s.pool.Begin(ctx)
	if err != nil {
		return err
	}
	if err := fn(tx); err != nil {
		return errors.Join(err, tx.Rollback(ctx))
	}
	return tx.Commit(ctx)
}

func (s *Server) remove(res resource) http.HandlerFunc {
	sql := "DELETE FROM " + res.relation() + " WHERE " + pgx.Identifier{res.key}.Sanitize() + " = $1"
	return func(w http.ResponseWriter, r *http.Request) {
		key, ok := res.parseKey(r.PathValue("id"))
		if !ok {
			answer(w, http.StatusNotFound, notFound)
			return
		}
		tag, err := s.pool.Exec(r.Context(), sql, key)
		switch {
		case err != nil:
			s.fail(w, r, err)
		case tag.RowsAffected() == 0:
			answer(w, http.StatusNotFound, notFound)
		default:
			w.WriteHeader(http.StatusNoContent)
		}
	}
}

// body reads what a client wants to write: fields of the resource and nothing else.
func (s *Server) body(w http.ResponseWriter, r *http.Request, res resource) (values, error) {
	given, err := read[map[string]any](w, r)
	if err != nil {
		return values{}, err
	}
	var v values
	for _, f := range res.fields {
		raw, there := given[f.name]
		if !there {
			continue
		}
		delete(given, f.name)
		value, err := f.parse(raw)
		if err != nil {
			return values{}, err
		}
		v.columns, v.args = append(v.columns, f.name), append(v.args, value)
		if parent, ok := s.find(f.parent); ok && value != nil {
			v.parents = append(v.parents, reference{parent, value})
		}
	}
	if len(given) > 0 {
		return values{}, errBody
	}
	return v, nil
}

// read decodes one bounded JSON document.
func read[T any](w http.ResponseWriter, r *http.Request) (T, error) {
	var v T
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody))
	d.UseNumber()
	d.DisallowUnknownFields()
	if err := d.Decode(&v); err != nil {
		return v, errBody
	}
	if _, err := d.Token(); err != io.EOF {
		return v, errBody
	}
	return v, nil
}

// complete reports whether all fields that a new row needs are there.
func (v values) complete(res resource) bool {
	there := map[string]bool{}
	for i, c := range v.columns {
		there[c] = v.args[i] != nil
	}
	for _, f := range res.fields {
		if f.needed && !there[f.name] {
			return false
		}
	}
	return true
}

// parse holds a value to its field's kind; nil is NULL.
func (f field) parse(v any) (any, error) {
	if v == nil && !f.needed {
		return nil, nil
	}
	switch v := v.(type) {
	case string:
		return f.parseText(v)
	case bool:
		if f.kind == "bool" {
			return v, nil
		}
	case json.Number:
		switch f.kind {
		case "int":
			n, err := strconv.ParseInt(v.String(), 10, 32)
			return n, err
		case "decimal":
			if n, err := v.Float64(); err == nil && n > -1e9 && n < 1e9 && len(v.String()) < 32 {
				return v.String(), nil
			}
		}
	}
	return nil, fmt.Errorf("%s: %w", f.name, errBody)
}

func (f field) parseText(s string) (any, error) {
	switch f.kind {
	case "text":
		if len(s) <= 4096 && plain(s) {
			return s, nil
		}
	case "uuid":
		if uuidText.MatchString(s) {
			return s, nil
		}
	case "date":
		return time.Parse(time.DateOnly, s)
	}
	return nil, fmt.Errorf("%s: %w", f.name, errBody)
}

// plain reports whether PostgreSQL can store a text.
func plain(s string) bool { return utf8.ValidString(s) && !strings.Contains(s, "\x00") }
