package attack

import (
	"context"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence/internal/pg"
)

var setRole = Probe{
	Name: "set_role",
	Doc: `become a role that sees more with SET ROLE

Whatever runs SQL as the application may become every role that the application is a member of: the tables' owner, a service
role, or another tenant where roles are the tenants.`,
	Command: "SELECT", Kind: "isolation",
	Ways: func(t *Target) []*Target {
		var out []*Target
		for _, name := range t.s.settable(t.Role) {
			u := *t
			u.named, u.Path = name, Path{{"set_role", name}}
			out = append(out, &u)
		}
		return out
	},
	Try: func(ctx context.Context, tx pgx.Tx, t *Target) (bool, error) {
		if !t.control() {
			if _, err := t.exec(ctx, tx, "SET LOCAL ROLE "+pg.Ident(t.named)); err != nil {
				return false, err
			}
		}
		return tryRead(ctx, tx, t)
	},
}

// settable returns the roles that a role may become with SET ROLE, directly or through others; sorted.
func (s *session) settable(role string) []string {
	var out []string
	queue := []string{role}
	for len(queue) > 0 {
		at := queue[0]
		queue = queue[1:]
		for _, m := range s.snap.Memberships {
			if m.Member == at && m.Set && m.Role != role && !slices.Contains(out, m.Role) {
				out, queue = append(out, m.Role), append(queue, m.Role)
			}
		}
	}
	slices.Sort(out)
	return out
}
