package auth

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence"
	"github.com/ringfencehq/ringfence/auth/internal/ended"
)

// Querier runs one query that returns one row: a ringfence.Pool, a pgxpool.Pool or a pgx.Conn.
type Querier interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// PostgresMembers asks a narrow function of the database: FUNCTION(tenant text, user_id text) RETURNS text[], which gives
// the member's roles, an empty array for a member without any, and NULL for who is no member. It is SECURITY DEFINER where the
// application may not read the membership table itself, its search_path is pinned, and it answers for one pair only, so that
// nobody can list members through it. MembershipFunction writes one.
//
// The query runs with the tenant that is asked about in its context, so that a ringfence.Pool can be the Querier, and a
// function that is not SECURITY DEFINER works under the table's own policy.
type PostgresMembers struct {
	db    Querier
	query string
}

// NewPostgresMembers names the function, in its schema; both are quoted as identifiers. It is an error where one of the three is
// missing. Nothing is asked yet.
func NewPostgresMembers(db Querier, schema, function string) (*PostgresMembers, error) {
	if db == nil || schema == "" || function == "" {
		return nil, errors.New("preparing to ask for memberships: a database, a schema and a function are needed")
	}
	return &PostgresMembers{db: db, query: "SELECT " + pgx.Identifier{schema, function}.Sanitize() + "($1::text, $2::text)"}, nil
}

// Member implements Members: one query, asked anew where its connection turns out to have ended. Safe for concurrent use where the
// Querier is.
func (p *PostgresMembers) Member(ctx context.Context, tenant ringfence.Tenant, user string) ([]string, error) {
	if !tenant.Valid() || user == "" {
		return nil, ErrNotMember
	}
	var roles *[]string
	ctx = ringfence.WithTenant(ctx, tenant)
	if err := ended.Again(func() error { return p.db.QueryRow(ctx, p.query, tenant.String(), user).Scan(&roles) }); err != nil {
		return nil, fmt.Errorf("asking for a membership: %w", err)
	}
	if roles == nil {
		return nil, ErrNotMember
	}
	return *roles, nil
}

// MembershipTable says where memberships are, for MembershipFunction.
type MembershipTable struct {
	Schema, Table      string
	Tenant, TenantType string // the column of the tenant and its type, such as uuid
	User, UserType     string // the column of the user and its type
	// Roles is an SQL expression over the table, under the alias m, that gives text[]; '{}' where it is empty. It is code:
	// it never comes from a client.
	Roles string
}

// MembershipFunction writes the function that PostgresMembers asks, for a migration: who owns it can read the table, and
// EXECUTE is the application's alone. Names are quoted; TenantType, UserType and Roles are written as they are. A text that is not
// of the columns' types is nobody's membership, not an error. The user column must be unique in its tenant.
func MembershipFunction(t MembershipTable, schema, function, application string) string {
	if t.Roles == "" {
		t.Roles = "'{}'::text[]"
	}
	id := func(parts ...string) string { return pgx.Identifier(parts).Sanitize() }
	name := id(schema, function)
	return fmt.Sprintf(`CREATE FUNCTION %[1]s(tenant text, user_id text) RETURNS text[]
  LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
  AS $ringfence$
DECLARE
  roles text[];
BEGIN
  SELECT (%[2]s) INTO roles FROM %[3]s m WHERE m.%[4]s = $1::%[5]s AND m.%[6]s = $2::%[7]s;
  IF NOT FOUND THEN
    RETURN NULL;
  END IF;
  RETURN coalesce(roles, '{}');
EXCEPTION WHEN invalid_text_representation OR numeric_value_out_of_range THEN
  RETURN NULL;
END
$ringfence$;
REVOKE ALL ON FUNCTION %[1]s(text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION %[1]s(text, text) TO %[8]s;
`, name, t.Roles, id(t.Schema, t.Table), id(t.Tenant), t.TenantType, id(t.User), t.UserType, id(application))
}
