package impact

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence/internal/pg"
	"github.com/ringfencehq/ringfence/internal/tenancy"
)

// ObserveVersion names the JSON form of a Status.
const ObserveVersion = "ringfence/observe/v1"

// A Status is what observing has counted.
type Status struct {
	Schema       string         `json:"schema"`
	Server       map[string]any `json:"server"`
	Observed     []Observed     `json:"observed"`     // one for each table, role and cause, zero counts too; sorted
	Unobservable []Unobservable `json:"unobservable"` // roles that no policy runs for
	Reset        []string       `json:"reset"`        // tables whose counts began anew after they were installed
	Notes        []string       `json:"notes"`
	Summary      StatusSummary  `json:"summary"`
}

// A StatusSummary counts a Status.
type StatusSummary struct {
	Tables     int   `json:"tables"`
	Statements int64 `json:"statements"` // that name no tenant, or none that could be
	Rows       int64 `json:"rows"`       // other tenants' rows that were met, at most
	Reset      int   `json:"reset"`
}

// An Observed is one count. Role is "" for roles that are not known as the application's.
type Observed struct {
	Table string `json:"table"`
	Role  string `json:"role"`
	Cause Cause  `json:"cause"`
	Count int64  `json:"count"`
	Unit  string `json:"unit"` // statements, or rows at most
}

// observeNotes say what the counts do not.
var observeNotes = []string{
	"a statement counts where it meets a row: once for what it finds, and once more for what it makes; a row counts whenever it is met, also where the statement's own conditions drop it later: an upper bound",
	"PostgreSQL refuses COPY … FROM, and reading with row_security = off, to any role that policies bind: these cannot be observed",
	"counts reach the statistics when a session is idle or ends, up to a second late",
}

// ReadStatus reads the counts. Where nothing is installed, Observed is empty.
func ReadStatus(ctx context.Context, conn *pgx.Conn, m *tenancy.Model) (*Status, error) {
	s := &Status{Schema: ObserveVersion, Observed: []Observed{}, Unobservable: []Unobservable{}, Reset: []string{}, Notes: observeNotes}
	server := m.Snapshot.Server
	s.Server = map[string]any{"version_num": server.VersionNum, "database": server.Database, "system_identifier": server.SystemIdentifier, "offline": server.Offline}
	canaries, err := s.read(ctx, conn)
	if err != nil {
		return nil, err
	}
	for deadline := time.Now().Add(settle); len(s.Observed) > 0 && slices.Contains(mapValues(canaries), 0) && time.Now().Before(deadline); {
		select { // the scan that began the counts may still be on its way into the statistics
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
		if canaries, err = s.read(ctx, conn); err != nil {
			return nil, err
		}
	}
	tables := map[string]bool{}
	for table, scans := range canaries {
		tables[table] = true
		if scans == 0 {
			s.Reset = append(s.Reset, table)
		}
	}
	slices.Sort(s.Reset)
	for _, table := range Observing(m.Snapshot) {
		rel := m.Snapshot.Relation(table)
		unseen, _ := (&change{rel: rel}).unobservable(m)
		s.Unobservable = append(s.Unobservable, unseen...)
	}
	s.Unobservable = Blind(s.Unobservable)
	s.Summary.Tables, s.Summary.Reset = len(tables), len(s.Reset)
	return s, nil
}

// settle is how long the statistics may be late.
const settle = 2 * time.Second

func mapValues(m map[string]int64) []int64 {
	var out []int64
	for _, v := range m {
		out = append(out, v)
	}
	return out
}

// read fills in the counts and returns each table's canary: how often its first marker was scanned.
func (s *Status) read(ctx context.Context, conn *pgx.Conn) (map[string]int64, error) {
	canaries := map[string]int64{}
	s.Observed, s.Summary = s.Observed[:0], StatusSummary{}
	err := pg.InCatalogTx(ctx, conn, func(tx pgx.Tx) error {
		const markers = `SELECT obj_description(c.oid, 'pg_class'), COALESCE(pg_stat_get_numscans(c.oid), 0)
			FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
			WHERE n.nspname = 'ringfence' AND c.relkind = 'r' AND c.relname ~ '^observe_[0-9a-f]{12}_'`
		rows, err := tx.Query(ctx, markers)
		if err != nil {
			return err
		}
		var comment *string
		var scans int64
		_, err = pgx.ForEachRow(rows, []any{&comment, &scans}, func() error {
			var what marking
			if comment == nil || json.Unmarshal([]byte(*comment), &what) != nil || what.Table == "" {
				return nil // somebody took its comment away: it is none of ours any more
			}
			if what.Cause == installed {
				canaries[what.Table] = scans
				return nil
			}
			s.add(what, scans)
			return nil
		})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("reading the counts: %w", err)
	}
	slices.SortFunc(s.Observed, func(a, b Observed) int {
		return cmp.Or(cmp.Compare(a.Table, b.Table), cmp.Compare(a.Role, b.Role), slices.Index(observed, a.Cause)-slices.Index(observed, b.Cause))
	})
	return canaries, nil
}

func (s *Status) add(what marking, scans int64) {
	unit := "rows"
	if ofStatement(what.Cause) {
		unit = "statements"
		s.Summary.Statements += scans
	} else {
		s.Summary.Rows += scans
	}
	s.Observed = append(s.Observed, Observed{Table: what.Table, Role: what.Role, Cause: what.Cause, Count: scans, Unit: unit})
}
