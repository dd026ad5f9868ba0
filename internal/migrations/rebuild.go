package migrations

import (
	"context"
	"errors"
	"fmt"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/clone"
	"github.com/ringfencehq/ringfence/internal/pg"
)

// Rebuild runs the files on a server of its own, which has base's version, roles, memberships and settings and an empty database
// of its name, and returns the catalogue that they make. Objects come to belong to the role that owns most of base's tables, as
// they would where that role migrates. The server is gone when Rebuild returns.
func Rebuild(ctx context.Context, base *catalog.Snapshot, files []File, note func(string), progress Progress) (made *catalog.Snapshot, run *Run, err error) {
	c, err := clone.Empty(ctx, clone.Source{Snapshot: base, Note: note})
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, c.Stop()) }()
	return onto(ctx, c, base, files, progress)
}

// Continue runs the files on a copy of the database that dsn names and base was read from: what is about to be run there. It needs
// pg_dump of the server's major version. missing are objects that could not be copied.
func Continue(ctx context.Context, dsn string, base *catalog.Snapshot, files []File, note func(string), progress Progress) (made *catalog.Snapshot, run *Run, missing []string, err error) {
	c, err := clone.Make(ctx, clone.Source{DSN: dsn, Snapshot: base, Note: note})
	if err != nil {
		return nil, nil, nil, err
	}
	defer func() { err = errors.Join(err, c.Stop()) }()
	made, run, err = onto(ctx, c, base, files, progress)
	return made, run, c.Missing, err
}

// onto runs the files as the owner of most tables, who has every right while they run.
func onto(ctx context.Context, c *clone.Clone, base *catalog.Snapshot, files []File, progress Progress) (*catalog.Snapshot, *Run, error) {
	conn, err := c.Connect(ctx)
	if err != nil {
		return nil, nil, err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	owner := mostlyOwner(base)
	lift := "" // a superuser keeps what it is
	if r := base.Role(owner); r != nil && !r.Superuser && owner != pg.Superuser {
		lift = "ALTER ROLE " + pg.Ident(owner)
		if _, err := conn.Exec(ctx, lift+" SUPERUSER; SET SESSION AUTHORIZATION "+pg.Ident(owner)); err != nil {
			return nil, nil, fmt.Errorf("becoming %s on the copy: %w", owner, err)
		}
	}
	run, err := Execute(ctx, conn, files, progress)
	if err != nil {
		return nil, nil, err
	}
	if lift != "" {
		if _, err := conn.Exec(ctx, "RESET SESSION AUTHORIZATION; "+lift+" NOSUPERUSER"); err != nil {
			return nil, nil, fmt.Errorf("giving %s its own rights back on the copy: %w", owner, err)
		}
	}
	made, err := catalog.Read(ctx, conn, catalog.Options{Schemas: base.OnlySchemas})
	if err != nil {
		return nil, nil, fmt.Errorf("reading what the migrations made: %w", err)
	}
	return made, run, nil
}

// mostlyOwner is the role that owns most relations; where two own as many, the first by name.
func mostlyOwner(s *catalog.Snapshot) string {
	count := map[string]int{}
	best := pg.Superuser
	for i := range s.Relations {
		if r := &s.Relations[i]; !r.System {
			count[r.Owner]++
			if n := count[r.Owner]; n > count[best] || n == count[best] && r.Owner < best {
				best = r.Owner
			}
		}
	}
	return best
}
