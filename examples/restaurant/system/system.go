// Package system is reference system A: a chain of restaurants on one database, ordered from by voice. schema.sql is its state
// before any remediation, seed.sql its rows, ringfence.yaml what its people know and no catalogue says, after.sql what they run
// behind the plan. Start brings it up as a person would find it after the remediation, with everybody's PIN enrolled.
package system

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	_ "embed"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence"
	"github.com/ringfencehq/ringfence/auth"
	"github.com/ringfencehq/ringfence/auth/pin"
	"github.com/ringfencehq/ringfence/examples/internal/stage"
	"github.com/ringfencehq/ringfence/internal/cli"
	"github.com/ringfencehq/ringfence/internal/pg"
	"github.com/ringfencehq/ringfence/internal/plan"
	"github.com/ringfencehq/ringfence/internal/tenancy"
	"github.com/ringfencehq/ringfence/trail"
)

// Schema is the DDL; it makes roles too, and is run by a superuser.
//
//go:embed schema.sql
var Schema string

// Seed fills the tables.
//
//go:embed seed.sql
var Seed string

// Config is the ringfence.yaml of the system.
//
//go:embed ringfence.yaml
var Config []byte

//go:embed after.sql
var after string

// The roles that processes connect as.
const (
	Server   = "restaurant_server"
	Login    = "restaurant_login"
	Operator = "restaurant_operator"
	Trail    = "restaurant_trail"
	Gateway  = "restaurant_gateway"
	Audit    = "restaurant_audit"
)

// Setting is the tenant context.
const Setting = "app.restaurant_id"

const database = "restaurants"

// A Person works in a restaurant, with a PIN there and a device's token.
type Person struct {
	Restaurant, RestaurantName string
	User, Name, Role           string
	PIN                        string
}

// System is a running server with the hardened database on it, and the files that processes of the system read.
type System struct {
	*stage.Stage
	// Dir holds peppers, the key of logins, and whatever processes of the system keep.
	Dir string
	// People are those who may log in.
	People []Person
	// Devices are enrolled devices' tokens, by restaurant.
	Devices map[string]string
}

// pins are given out in turn: fixed, so that a person can be told one.
var pins = []string{"8305", "7264", "5917", "4086", "6359", "3718", "9052"}

// Start starts a server, loads the system, plans, applies, and enrols everybody. dir is made where it is not there, and is the
// caller's to remove.
func Start(ctx context.Context, dir string) (*System, error) {
	ground, err := stage.Open(ctx, database, map[string]string{"jit": "off", "max_connections": "200"})
	if err != nil {
		return nil, err
	}
	s := &System{Stage: ground, Dir: dir, Devices: map[string]string{}}
	for _, step := range []func(context.Context) error{s.load, s.harden, s.finish, s.enrol} {
		if err := step(ctx); err != nil {
			return nil, errors.Join(err, s.Close())
		}
	}
	return s, nil
}

// Connect opens a session as a role; "" is the server's own superuser.
func (s *System) Connect(ctx context.Context, role string) (*pgx.Conn, error) {
	return pg.Connect(ctx, s.DSN(role), pg.Options{})
}

// Peppers and Key are files that the gateway reads.
func (s *System) Peppers() string { return filepath.Join(s.Dir, "peppers") }

// Key is the file of the key that signs logins' tokens.
func (s *System) Key() string { return filepath.Join(s.Dir, "login.key") }

func (s *System) load(ctx context.Context) error {
	return errors.Join(s.Run(ctx, "loading the schema", Schema), s.Run(ctx, "loading the rows", Seed+"ANALYZE;"))
}

// Plan plans the remediation of what stands now, allowing by name what takes policies and the key without its tenant away.
func (s *System) Plan(ctx context.Context) (*plan.Plan, error) {
	config, err := tenancy.ParseConfig("ringfence.yaml", Config)
	if err != nil {
		return nil, err
	}
	return s.Stage.Plan(ctx, config, "drop_policy", "unique_swap", "role_attribute")
}

// harden is "ringfence plan" and "ringfence apply".
func (s *System) harden(ctx context.Context) error {
	steps, err := s.Plan(ctx)
	if err != nil {
		return err
	}
	return s.Apply(ctx, steps)
}

// finish runs what stands behind the plan, as the tables' owner: the function of memberships, and that a change of one revokes.
func (s *System) finish(ctx context.Context) error {
	membership := auth.MembershipFunction(auth.MembershipTable{Schema: "public", Table: "user_restaurants", Tenant: "restaurant_id", TenantType: "uuid",
		User: "user_id", UserType: "text", Roles: "ARRAY[m.role]"}, "public", "membership", Server)
	if err := s.Run(ctx, "finishing as the owner", "SET ROLE restaurant_owner;\n"+after+membership+"RESET ROLE;"); err != nil {
		return err
	}
	return s.Run(ctx, "having who leaves a restaurant cut off", leaving)
}

// leaving has everybody who leaves a restaurant, or changes their role there, leave every open socket of it too: in the
// transaction that changes the membership, so that neither is without the other.
const leaving = `SET ROLE restaurant_owner;
CREATE FUNCTION left_restaurant() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM ringfence.revocation_add('member', OLD.restaurant_id::text, OLD.user_id, '', 'membership changed', session_user, NULL);
  RETURN NULL;
END $$;
REVOKE ALL ON FUNCTION left_restaurant() FROM PUBLIC;
CREATE TRIGGER left_restaurant AFTER DELETE OR UPDATE OF restaurant_id, user_id, role ON user_restaurants FOR EACH ROW EXECUTE FUNCTION left_restaurant();
RESET ROLE;`

// enrol makes peppers, a key, a PIN for everybody in each of their restaurants, and a device in each restaurant.
func (s *System) enrol(ctx context.Context) error {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	pepper := pin.NewPepper("k1")
	if err := errors.Join(os.MkdirAll(s.Dir, 0o700), os.WriteFile(s.Peppers(), []byte(pepper), 0o600),
		os.WriteFile(s.Key(), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600)); err != nil {
		return err
	}
	rows, err := s.Super().Query(ctx, "SELECT r.id::text, r.name, u.user_id, u.name, u.role, '' FROM user_restaurants u JOIN restaurants r ON r.id = u.restaurant_id ORDER BY 1, 3")
	if err != nil {
		return fmt.Errorf("listing people: %w", err)
	}
	if s.People, err = pgx.CollectRows(rows, pgx.RowToStructByPos[Person]); err != nil {
		return fmt.Errorf("listing people: %w", err)
	}
	return s.enrolPeople(ctx, pepper)
}

func (s *System) enrolPeople(ctx context.Context, pepper string) (err error) {
	peppers, err := pin.ParsePeppers(pepper)
	if err != nil {
		return err
	}
	keeper, err := trail.Open(trail.Options{Dir: filepath.Join(s.Dir, "enrol"), Node: "enrol", SegmentSize: 1 << 20,
		Store: trail.NewPostgres(func(ctx context.Context) (*pgx.Conn, error) { return pg.Connect(ctx, s.DSN(Trail), pg.Options{}) })})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, keeper.Close(context.WithoutCancel(ctx))) }()
	db, err := pg.Connect(ctx, s.DSN(Operator), pg.Options{})
	if err != nil {
		return err
	}
	defer db.Close(context.WithoutCancel(ctx))
	op, err := pin.NewOperator(pin.OperatorOptions{DB: db, Peppers: peppers, Recorder: keeper, By: "restaurant example"})
	if err != nil {
		return err
	}
	for i := range s.People {
		p := &s.People[i]
		p.PIN = pins[i%len(pins)]
		tenant, err := ringfence.ParseTenant(p.Restaurant)
		if err != nil {
			return err
		}
		if err := op.Enrol(ctx, tenant, p.User, p.PIN); err != nil {
			return err
		}
		if s.Devices[p.Restaurant] == "" {
			if s.Devices[p.Restaurant], err = op.Code(ctx, tenant, "", "till of "+p.RestaurantName, time.Hour); err != nil {
				return err
			}
		}
	}
	return nil
}

// Command runs the command line ringfence in this process, and returns its exit code.
func Command(args []string) int { return cli.Do(args, cli.System()) }
