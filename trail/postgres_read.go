package trail

import (
	"context"
	"fmt"
	"iter"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence"
	"github.com/ringfencehq/ringfence/internal/trailsql"
)

// Querier is what reading needs: a *pgx.Conn, a pgx.Tx or a pool, as a role that may read the trail.
type Querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// Filter says which events are read. Zero fields leave nothing out.
type Filter struct {
	Types           []ringfence.EventType
	Severities      []ringfence.Severity
	Tenant          string // the authenticated tenant
	AttemptedTenant string
	User            string
	Node            string
	Event           ID
	Since, Until    time.Time // by Created; Until is not included
	Limit           int       // the latest so many; 0: all
}

// ReadEvents reads events from the table, oldest first (with a Limit, latest first). It ends at the first error. What is read is what
// the table holds: Digest tells whether it was changed.
func ReadEvents(ctx context.Context, q Querier, f Filter) iter.Seq2[Event, error] {
	where, args := f.where()
	sql := "SELECT " + eventColumns() + " FROM " + trailsql.Schema + "." + trailsql.Events + where
	if f.Limit > 0 {
		sql += fmt.Sprintf(" ORDER BY created_at DESC, id DESC LIMIT %d", f.Limit)
	} else {
		sql += " ORDER BY created_at, id"
	}
	return queryEvents(ctx, q, sql, args...)
}

// readChains reads all events by chain, in the order in which their ids say they were accepted.
func readChains(ctx context.Context, q Querier) iter.Seq2[Event, error] {
	return queryEvents(ctx, q, "SELECT "+eventColumns()+" FROM "+trailsql.Schema+"."+trailsql.Events+" ORDER BY node COLLATE \"C\", epoch, event_id, id")
}

func eventColumns() string {
	names := make([]string, len(trailsql.Columns))
	for i, c := range trailsql.Columns {
		names[i] = c.Name
		if c.Null {
			names[i] = "coalesce(" + c.Name + ", '')"
		}
	}
	return strings.Join(names, ", ")
}

func (f Filter) where() (string, []any) {
	var terms []string
	var args []any
	add := func(term string, arg any) {
		args = append(args, arg)
		terms = append(terms, fmt.Sprintf(term, len(args)))
	}
	if len(f.Types) > 0 {
		add("event_type = ANY ($%d::text[])", words(f.Types))
	}
	if len(f.Severities) > 0 {
		add("severity = ANY ($%d::text[])", words(f.Severities))
	}
	for _, t := range []struct{ column, value string }{
		{"authenticated_tenant_id", f.Tenant}, {"attempted_tenant_id", f.AttemptedTenant}, {"user_id", f.User}, {"node", f.Node},
	} {
		if t.value != "" {
			add(t.column+" = $%d", t.value)
		}
	}
	if f.Event != (ID{}) {
		add("event_id = $%d", [16]byte(f.Event))
	}
	if !f.Since.IsZero() {
		add("created_at >= $%d", f.Since)
	}
	if !f.Until.IsZero() {
		add("created_at < $%d", f.Until)
	}
	if len(terms) == 0 {
		return "", nil
	}
	return " WHERE " + strings.Join(terms, " AND "), args
}

func words[T ~string](list []T) []string {
	out := make([]string, len(list))
	for i, w := range list {
		out[i] = string(w)
	}
	return out
}

func queryEvents(ctx context.Context, q Querier, sql string, args ...any) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		rows, err := q.Query(ctx, sql, args...)
		if err != nil {
			yield(Event{}, fmt.Errorf("reading the trail: %w", err))
			return
		}
		defer rows.Close()
		for rows.Next() {
			e, err := scanEvent(rows)
			if err != nil {
				yield(Event{}, fmt.Errorf("reading the trail: %w", err))
				return
			}
			if !yield(e, nil) {
				return
			}
		}
		if err := rows.Err(); err != nil {
			yield(Event{}, fmt.Errorf("reading the trail: %w", err))
		}
	}
}

func scanEvent(rows pgx.Rows) (Event, error) {
	var e Event
	var row, id [16]byte
	var hash, previous []byte
	err := rows.Scan(&row, &e.Type, &e.User, &e.Tenant, &e.AttemptedTenant, &e.Session, &e.Address, &e.UserAgent, &e.Severity, &e.Created,
		&id, &e.Node, &e.Epoch, &e.Sequence, &e.Count, &e.First, &e.Last, &e.Detail, &hash, &previous)
	if err != nil {
		return Event{}, err
	}
	e.Row, e.ID = row, id
	copy(e.Hash[:], hash)
	copy(e.Previous[:], previous)
	e.Created, e.First, e.Last = e.Created.UTC(), e.First.UTC(), e.Last.UTC()
	if len(e.Detail) == 0 {
		e.Detail = nil
	}
	return e, nil
}
