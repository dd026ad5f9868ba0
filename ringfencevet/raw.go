package ringfencevet

import (
	"go/types"
	"strings"
)

// named is a type or a function, by its package's path and its name.
type named struct{ path, name string }

// rawTypes are connections that set no tenant. A sql.DB may be a ringfence.Pool's, so that its making is looked at: see rawMakers.
var rawTypes = map[named]bool{
	{"github.com/jackc/pgx/v5", "Conn"}:          true,
	{"github.com/jackc/pgx/v5", "Tx"}:            true,
	{"github.com/jackc/pgx/v5/pgxpool", "Pool"}:  true,
	{"github.com/jackc/pgx/v5/pgxpool", "Conn"}:  true,
	{"github.com/jackc/pgx/v5/pgxpool", "Tx"}:    true,
	{"github.com/jackc/pgx/v5/pgconn", "PgConn"}: true,
	{"github.com/jackc/pgx/v4", "Conn"}:          true,
	{"github.com/jackc/pgx/v4", "Tx"}:            true,
	{"github.com/jackc/pgx/v4/pgxpool", "Pool"}:  true,
	{"github.com/jackc/pgx/v4/pgxpool", "Conn"}:  true,
	{"github.com/jackc/pgx/v4/pgxpool", "Tx"}:    true,
	{"github.com/go-pg/pg/v10", "DB"}:            true,
	{"github.com/go-pg/pg/v10", "Tx"}:            true,
}

// rawMakers make a sql.DB that sets no tenant, wherever they are called but in tests.
var rawMakers = map[named]bool{
	{"database/sql", "Open"}:                             true,
	{"github.com/jackc/pgx/v5/stdlib", "OpenDB"}:         true,
	{"github.com/jackc/pgx/v5/stdlib", "OpenDBFromPool"}: true,
	{"github.com/jmoiron/sqlx", "Open"}:                  true,
	{"github.com/jmoiron/sqlx", "Connect"}:               true,
	{"github.com/jackc/pgx/v4/stdlib", "OpenDB"}:         true,
}

// requests are types of a parameter that make a function a handler.
var requests = map[named]bool{
	{"net/http", "Request"}:                    true,
	{"github.com/gin-gonic/gin", "Context"}:    true,
	{"github.com/labstack/echo/v4", "Context"}: true,
	{"github.com/labstack/echo/v5", "Context"}: true,
	{"github.com/gofiber/fiber/v2", "Ctx"}:     true,
	{"github.com/gofiber/fiber/v3", "Ctx"}:     true,
	{"google.golang.org/grpc", "ServerStream"}: true,
}

// trusted are packages whose use of raw types is their work: the library itself, and the drivers.
func trusted(path string) bool {
	for _, p := range []string{"github.com/ringfencehq/ringfence", "github.com/jackc/pgx", "github.com/jackc/puddle", "database/sql"} {
		if path == p || strings.HasPrefix(path, p+"/") {
			return !strings.HasPrefix(path, "github.com/ringfencehq/ringfence/examples/")
		}
	}
	return false
}

// nameOf returns the type's package and name, through pointers, and false for types without.
func nameOf(t types.Type) (named, bool) {
	t = types.Unalias(t)
	if p, ok := t.(*types.Pointer); ok {
		t = types.Unalias(p.Elem())
	}
	n, ok := t.(*types.Named)
	if !ok || n.Obj().Pkg() == nil {
		return named{}, false
	}
	return named{n.Obj().Pkg().Path(), n.Obj().Name()}, true
}

// isRaw reports whether values of the type are connections that set no tenant.
func isRaw(t types.Type) bool {
	n, ok := nameOf(t)
	return ok && rawTypes[n]
}
