package ledger

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence/internal/attest"
	"github.com/ringfencehq/ringfence/internal/pg"
)

// A Database keeps a log in the target's schema ringfence: append-only tables that only their owner and its members may write.
type Database struct {
	// Conn is open for as long as the log is. Not safe for concurrent use.
	Conn *pgx.Conn
	// Dial opens Conn anew where it was lost; nil: it stays lost.
	Dial func(context.Context) (*pgx.Conn, error)
	// Rollout is the log's id.
	Rollout string
}

// databaseSQL makes the tables. A trigger refuses to change what is written, whoever asks.
const databaseSQL = `
CREATE SCHEMA IF NOT EXISTS ringfence;
CREATE TABLE IF NOT EXISTS ringfence.rollout_log (
  rollout text NOT NULL, sequence int NOT NULL, at timestamptz NOT NULL, kind text NOT NULL, stage text NOT NULL,
  body text NOT NULL, previous text NOT NULL, hash text NOT NULL, PRIMARY KEY (rollout, sequence));
CREATE TABLE IF NOT EXISTS ringfence.rollout_evidence (digest text PRIMARY KEY, content bytea NOT NULL);
CREATE TABLE IF NOT EXISTS ringfence.rollout_mark (rollout text PRIMARY KEY, mark text NOT NULL);
CREATE OR REPLACE FUNCTION ringfence.rollout_keep() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RAISE EXCEPTION 'the log of a rollout is only ever added to' USING ERRCODE = '42501';
END $$;
REVOKE ALL ON ringfence.rollout_log, ringfence.rollout_evidence, ringfence.rollout_mark FROM PUBLIC;
REVOKE ALL ON FUNCTION ringfence.rollout_keep() FROM PUBLIC;
DO $$ BEGIN
  IF NOT EXISTS (SELECT FROM pg_catalog.pg_trigger WHERE tgrelid = 'ringfence.rollout_log'::regclass AND tgname = 'rollout_keep') THEN
    CREATE TRIGGER rollout_keep BEFORE UPDATE OR DELETE ON ringfence.rollout_log FOR EACH ROW EXECUTE FUNCTION ringfence.rollout_keep();
    CREATE TRIGGER rollout_keep_all BEFORE TRUNCATE ON ringfence.rollout_log FOR EACH STATEMENT EXECUTE FUNCTION ringfence.rollout_keep();
    CREATE TRIGGER rollout_keep BEFORE UPDATE OR DELETE ON ringfence.rollout_evidence FOR EACH ROW EXECUTE FUNCTION ringfence.rollout_keep();
    CREATE TRIGGER rollout_keep_all BEFORE TRUNCATE ON ringfence.rollout_evidence FOR EACH STATEMENT EXECUTE FUNCTION ringfence.rollout_keep();
  END IF;
END $$;`

// foreignSQL tells whether somebody else owns what is there already: it could have been prepared.
const foreignSQL = `SELECT pg_catalog.bool_or(NOT (pg_catalog.pg_has_role(current_user, o.owner, 'USAGE') OR r.rolsuper)) FROM (
  SELECT n.nspowner AS owner FROM pg_catalog.pg_namespace AS n WHERE n.nspname = 'ringfence'
  UNION ALL SELECT c.relowner FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
   WHERE n.nspname = 'ringfence' AND c.relname IN ('rollout_log', 'rollout_evidence', 'rollout_mark')) AS o
  JOIN pg_catalog.pg_roles AS r ON r.oid = o.owner`

// Prepare makes the tables where they are missing. It takes an advisory lock, so that two may start at once.
func (d *Database) Prepare(ctx context.Context) error {
	err := pg.InWorkTx(ctx, d.Conn, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "SELECT pg_catalog.pg_advisory_xact_lock($1)", int64(0x726f6c6c6f7574)); err != nil {
			return err
		}
		var foreign *bool
		if err := tx.QueryRow(ctx, foreignSQL).Scan(&foreign); err != nil {
			return err
		}
		if foreign != nil && *foreign {
			return fmt.Errorf("the schema ringfence, or a table in it, belongs to somebody else")
		}
		_, err := tx.Exec(ctx, databaseSQL, pgx.QueryExecModeSimpleProtocol)
		return err
	})
	if err != nil {
		return fmt.Errorf("preparing the rollout's log in the database: %w", err)
	}
	return nil
}

// conn is the connection, opened anew where it was lost.
func (d *Database) conn(ctx context.Context) (*pgx.Conn, error) {
	if d.Conn.IsClosed() && d.Dial != nil {
		again, err := d.Dial(ctx)
		if err != nil {
			return nil, fmt.Errorf("reaching the log in the database: %w", err)
		}
		d.Conn = again
	}
	return d.Conn, nil
}

// Close closes the connection.
func (d *Database) Close(ctx context.Context) { d.Conn.Close(context.WithoutCancel(ctx)) }

// Append adds the entry; ErrConflict where its place is taken.
func (d *Database) Append(ctx context.Context, e Entry) error {
	conn, err := d.conn(ctx)
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, `INSERT INTO ringfence.rollout_log (rollout, sequence, at, kind, stage, body, previous, hash)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`, d.Rollout, e.Sequence, e.At, string(e.Kind), e.Stage, string(e.Body), string(e.Previous), string(e.Hash))
	if pg.SQLState(err) == "23505" {
		return ErrConflict
	}
	if err != nil {
		return fmt.Errorf("writing to the log in the database: %w", err)
	}
	return nil
}

// Entries reads the log in its order, after the entry of that number.
func (d *Database) Entries(ctx context.Context, after int) ([]Entry, error) {
	conn, err := d.conn(ctx)
	if err != nil {
		return nil, err
	}
	rows, err := conn.Query(ctx, `SELECT sequence, at, kind, stage, body, previous, hash FROM ringfence.rollout_log WHERE rollout = $1 AND sequence > $2 ORDER BY sequence`, d.Rollout, after)
	if err != nil {
		return nil, fmt.Errorf("reading the log in the database: %w", err)
	}
	out, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (Entry, error) {
		var e Entry
		var at time.Time
		var body string
		err := row.Scan(&e.Sequence, &at, &e.Kind, &e.Stage, &body, &e.Previous, &e.Hash)
		e.At, e.Body = at.UTC(), json.RawMessage(body)
		return e, err
	})
	if pg.SQLState(err) == "42P01" || pg.SQLState(err) == "3F000" {
		return nil, nil // no rollout was ever prepared here
	}
	if err != nil {
		return nil, fmt.Errorf("reading the log in the database: %w", err)
	}
	return out, nil
}

// Rollouts lists the ids of the rollouts that the database keeps, the latest first.
func Rollouts(ctx context.Context, conn *pgx.Conn) ([]string, error) {
	rows, err := conn.Query(ctx, `SELECT rollout FROM ringfence.rollout_log WHERE sequence = 1 ORDER BY at DESC, rollout`)
	if err != nil {
		return nil, fmt.Errorf("reading the log in the database: %w", err)
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

// Keep keeps evidence under its digest.
func (d *Database) Keep(ctx context.Context, raw []byte) (attest.Digest, error) {
	digest := attest.DigestOf(raw)
	conn, err := d.conn(ctx)
	if err != nil {
		return "", err
	}
	_, err = conn.Exec(ctx, `INSERT INTO ringfence.rollout_evidence (digest, content) VALUES ($1, $2) ON CONFLICT DO NOTHING`, string(digest), raw)
	if err != nil {
		return "", fmt.Errorf("keeping evidence in the database: %w", err)
	}
	return digest, nil
}

// Evidence reads evidence and holds it to its digest.
func (d *Database) Evidence(ctx context.Context, digest attest.Digest) ([]byte, error) {
	var raw []byte
	conn, err := d.conn(ctx)
	if err != nil {
		return nil, err
	}
	err = conn.QueryRow(ctx, `SELECT content FROM ringfence.rollout_evidence WHERE digest = $1`, string(digest)).Scan(&raw)
	if err != nil || attest.DigestOf(raw) != digest {
		return nil, fmt.Errorf("%w: %s", ErrEvidence, digest)
	}
	return raw, nil
}
