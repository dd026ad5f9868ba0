package attack

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/pg"
)

// programRole is the predefined role whose members run programs as the server's own account.
const programRole = "pg_execute_server_program"

var serverFiles = Probe{
	Name: "server_files",
	Doc: `read another tenant's row in the file that the server keeps the table in

A function that reads the server's files, or a program that the server runs, reaches the bytes of every table. The checkpoint
that puts the row into its file is made on a copy of the database only.`,
	Command: "SELECT", Kind: "isolation", Clone: true,
	Applies: func(t *Target) bool { return t.Marker != "" && !t.existing },
	Ways: func(t *Target) []*Target {
		var out []*Target
		for i := range t.s.snap.Functions {
			f := &t.s.snap.Functions[i]
			if _, ok := fileReaders[f.Name]; ok && f.System && slices.Equal(f.ArgumentOIDs, []uint32{textOID}) && givenOut(f) {
				u := *t
				u.call, u.Path = f, Path{{"function", f.Identity()}}
				out = append(out, &u)
			}
		}
		if slices.ContainsFunc(t.s.snap.Memberships, func(m catalog.Membership) bool { return m.Role == programRole }) {
			u := *t
			u.Path = Path{{"inherit", programRole}}
			out = append(out, &u)
		}
		return out
	},
	Try: func(ctx context.Context, tx pgx.Tx, t *Target) (bool, error) {
		path, err := t.s.see(ctx, tx, "", fmt.Sprintf("CHECKPOINT; SELECT pg_relation_filepath(%d)", t.stored.OID))
		if err != nil || len(path) != 1 || path[0][0] == nil {
			return false, preparing(fmt.Errorf("finding the table's file: %w", err))
		}
		file := *path[0][0]
		const holds = "SELECT 1 WHERE pg_catalog.strpos(pg_catalog.encode(%s, 'escape'), %s) > 0"
		if t.control() { // what is looked for is there
			rows, err := t.s.see(ctx, tx, "", fmt.Sprintf(holds, fmt.Sprintf(fileReaders["pg_read_binary_file"], pg.Literal(file)), pg.Literal(t.Marker)))
			return len(rows) > 0, err
		}
		if t.call != nil {
			rows, err := t.query(ctx, tx, fmt.Sprintf(holds, fmt.Sprintf(fileReaders[t.call.Name], pg.Literal(file)), pg.Literal(t.Marker)))
			return len(rows) > 0, err
		}
		program := "grep -c -a -F -e '" + t.Marker + "' '" + file + "' || true"
		rows, err := t.query(ctx, tx, "CREATE TEMPORARY TABLE ringfence_loot (lines int) ON COMMIT DROP; COPY pg_temp.ringfence_loot FROM PROGRAM "+
			pg.Literal(program)+"; SELECT 1 FROM pg_temp.ringfence_loot WHERE lines > 0")
		return len(rows) > 0, err
	},
}

// textOID is the OID of type text.
const textOID = 25

// fileReaders are expressions for a file's bytes, by the function that reads it.
var fileReaders = map[string]string{
	"pg_read_binary_file": "pg_catalog.pg_read_binary_file(%s)",
	"lo_import":           "pg_catalog.lo_get(pg_catalog.lo_import(%s))",
}

// givenOut reports whether somebody beside its owner may call a function.
func givenOut(f *catalog.Function) bool {
	return slices.ContainsFunc(f.Grants, func(g catalog.Grant) bool { return g.Grantee != f.Owner })
}
