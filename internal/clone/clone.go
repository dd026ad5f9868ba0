// Package clone copies a database's schema to an embedded server of the same major version: roles and memberships without
// passwords, extensions, and everything pg_dump writes of a schema, and no row. What is tried on the copy puts no load on the
// source. The copy is compared with the source object by object, so that what could not be copied is known by name.
//
// To copy more of what belongs to the whole cluster, and which pg_dump leaves out, add it to cluster.go.
package clone

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/pg"
)

// A Source is the database to be copied.
type Source struct {
	DSN      string // as the user gave it
	Snapshot *catalog.Snapshot
	Note     func(string) // told what takes long; nil for silence
}

// A Clone is a running copy. Stop it.
type Clone struct {
	server   *pg.Embedded
	database string
	// Snapshot is the copy's own catalogue.
	Snapshot *catalog.Snapshot
	// Missing are identities of objects that are not in the copy, or differ there; sorted.
	Missing []string
}

// Make starts the copy. It needs pg_dump and pg_restore of the server's major version: where they are absent the error's hint
// names the package.
func Make(ctx context.Context, src Source) (*Clone, error) {
	major := pg.Version(src.Snapshot.Server.VersionNum).Major()
	t, err := findTools(ctx, major)
	if err != nil {
		return nil, err
	}
	dump, err := t.dump(ctx, src.DSN)
	if err != nil {
		return nil, err
	}
	return start(ctx, src, func(c *Clone) error { return c.fill(ctx, t, src.Snapshot, dump) })
}

// Empty starts a server with the source's roles, memberships and settings, and an empty database of its name: what migrations are
// run on. It needs a snapshot only, and no program beside the server.
func Empty(ctx context.Context, src Source) (*Clone, error) {
	return start(ctx, src, func(c *Clone) error { return c.makeCluster(ctx, src.Snapshot) })
}

// start runs a server of the source's major version, and fills it.
func start(ctx context.Context, src Source, fill func(*Clone) error) (*Clone, error) {
	server, err := pg.StartEmbedded(ctx, pg.EmbeddedOptions{Version: pg.Version(src.Snapshot.Server.VersionNum).Major(), InMemory: true, NoFsync: true,
		Note: src.Note, Config: map[string]string{"autovacuum": "off", "max_prepared_transactions": "10"}})
	if err != nil {
		return nil, fmt.Errorf("starting a server for the copy: %w", err)
	}
	c := &Clone{server: server, database: src.Snapshot.Server.Database}
	if err := fill(c); err != nil {
		return nil, errors.Join(err, c.Stop())
	}
	return c, nil
}

// Connect opens a superuser's session on the copy.
func (c *Clone) Connect(ctx context.Context) (*pgx.Conn, error) {
	return pg.Connect(ctx, c.server.DSN(c.database, pg.Superuser), pg.Options{})
}

// ConnectAs opens a session of a role's own on the copy, as the application would.
func (c *Clone) ConnectAs(ctx context.Context, role string) (*pgx.Conn, error) {
	return pg.Connect(ctx, c.server.DSN(c.database, role), pg.Options{SimpleProtocol: true})
}

// Stop ends the copy's server and removes it.
func (c *Clone) Stop() error { return c.server.Stop() }

func (c *Clone) makeCluster(ctx context.Context, source *catalog.Snapshot) error {
	admin, err := pg.Connect(ctx, c.server.DSN("postgres", pg.Superuser), pg.Options{})
	if err != nil {
		return err
	}
	defer admin.Close(context.WithoutCancel(ctx))
	return makeCluster(ctx, admin, source)
}

func (c *Clone) fill(ctx context.Context, t tools, source *catalog.Snapshot, dump []byte) error {
	if err := c.makeCluster(ctx, source); err != nil {
		return err
	}
	if err := t.restore(ctx, c.server, c.database, dump); err != nil {
		return err
	}
	conn, err := c.Connect(ctx)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	if c.Snapshot, err = catalog.Read(ctx, conn, catalog.Options{Schemas: source.OnlySchemas}); err != nil {
		return fmt.Errorf("reading the copy: %w", err)
	}
	c.Missing = differing(source, c.Snapshot)
	return nil
}

// differing returns the identities of relations and functions of the source that the copy does not have, or has otherwise.
func differing(source, copied *catalog.Snapshot) []string {
	var out []string
	have := copied.Fingerprints()
	for identity, print := range source.Fingerprints() {
		if have[identity] != print && (source.Relation(identity) != nil || source.Function(identity) != nil) {
			out = append(out, identity)
		}
	}
	slices.Sort(out)
	return out
}
