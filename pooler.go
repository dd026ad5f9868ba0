package ringfence

import (
	"context"
	"crypto/rand"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// PoolerReport is what Open found between the application and the server, and what it chose.
type PoolerReport struct {
	// Pooler tells whether one is in the way: the process number announced at start-up is then not that of the process
	// that answers.
	Pooler Answer
	// Prepared tells whether prepared statements may be used: a pooler that knows of them gives them names of its own.
	Prepared Answer
	// Mode is how statements are run.
	Mode pgx.QueryExecMode
}

// Path tells what Open found in the way.
func (p *Pool) Path() PoolerReport { return p.pooler }

// meet opens the first connection: it looks for a pooler, chooses how statements are run, and makes the first check.
func (p *Pool) meet(ctx context.Context, cfg *pgx.ConnConfig) error {
	conn, err := pgx.ConnectConfig(ctx, cfg)
	if err != nil {
		return fmt.Errorf("connecting: %w", err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	report, s, err := p.check(ctx, conn)
	if err != nil {
		return err
	}
	if p.pooler, err = lookForPooler(ctx, conn.PgConn(), s.pid); err != nil {
		return err
	}
	p.pooler.Mode = p.chooseMode(cfg.DefaultQueryExecMode)
	cfg.DefaultQueryExecMode = p.pooler.Mode
	p.adopt(ctx, report)
	return p.verdict(report)
}

// chooseMode takes the configuration's mode, else the connection string's, else what the path allows.
func (p *Pool) chooseMode(ofDSN pgx.QueryExecMode) pgx.QueryExecMode {
	mode := p.cfg.Mode
	if mode == 0 && ofDSN != pgx.QueryExecModeCacheStatement { // pgx's own default: nobody's choice
		mode = ofDSN
	}
	safe := p.pooler.Pooler == No || p.pooler.Prepared == Yes
	switch {
	case mode == 0 && safe:
		return pgx.QueryExecModeCacheStatement
	case mode == 0:
		return pgx.QueryExecModeCacheDescribe
	case mode == pgx.QueryExecModeCacheStatement && !safe:
		p.log.Warn("ringfence: prepared statements are configured, and a pooler that does not know of them is in the way")
	}
	return mode
}

// lookForPooler compares the process numbers, and where they differ looks how the pooler treats a prepared statement: one
// that knows of them gives it another name on the server. All of it is one round trip and one transaction.
func lookForPooler(ctx context.Context, conn *pgconn.PgConn, answering uint32) (PoolerReport, error) {
	if answering == conn.PID() {
		return PoolerReport{Pooler: No, Prepared: Yes}, nil
	}
	name := "ringfence_" + rand.Text()
	const seen = "select name from pg_catalog.pg_prepared_statements where statement = $1"
	probe := "select '" + name + "'::text"
	pipeline := conn.StartPipeline(ctx)
	pipeline.SendQueryParams("begin", nil, nil, nil, nil)
	pipeline.SendPrepare(name, probe, nil)
	pipeline.SendQueryParams(seen, [][]byte{[]byte(probe)}, nil, nil, nil)
	pipeline.SendDeallocate(name)
	pipeline.SendQueryParams("rollback", nil, nil, nil, nil)
	if err := pipeline.Sync(); err != nil {
		_ = pipeline.Close()
		return PoolerReport{}, fmt.Errorf("looking at the pooler's way with prepared statements: %w", err)
	}
	report := PoolerReport{Pooler: Yes, Prepared: Unknown}
	for at := 0; ; at++ {
		result, err := pipeline.GetResults()
		if err != nil || result == nil {
			break // a pooler that refuses this does not know of prepared statements
		}
		rows, ok := result.(*pgconn.ResultReader)
		if !ok || at != 2 {
			continue
		}
		for rows.NextRow() {
			report.Prepared = Yes
			if string(rows.Values()[0]) == name {
				report.Prepared = No
			}
		}
	}
	_ = pipeline.Close() // an error leaves Unknown, which is treated as No
	return report, nil
}

// admit looks at a new connection before it serves. A pooler's connections are not the server's: there Check by time does.
func (p *Pool) admit(ctx context.Context, conn *pgx.Conn) error {
	if err := p.loadTypes(ctx, conn); err != nil {
		return err
	}
	p.hire(conn)
	if p.pooler.Pooler != No {
		return nil
	}
	s, err := askSession(ctx, conn, p.names)
	if err != nil {
		return err
	}
	r := &CheckReport{Role: s.role, Login: s.login, Faults: s.faults()}
	if len(r.Faults) > 0 {
		_ = p.record(ctx, roleEvent(ctx, r.Role, Critical, r.Faults))
	}
	return p.verdict(r)
}

// loadTypes makes the schema's own types known to a connection.
func (p *Pool) loadTypes(ctx context.Context, conn *pgx.Conn) error {
	if len(p.cfg.Types) == 0 {
		return nil
	}
	types, err := conn.LoadTypes(ctx, p.cfg.Types)
	if err != nil {
		return fmt.Errorf("loading types: %w", err)
	}
	conn.TypeMap().RegisterTypes(types)
	return nil
}
