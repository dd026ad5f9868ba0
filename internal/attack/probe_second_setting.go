package attack

import (
	"context"
	"slices"

	"github.com/jackc/pgx/v5"
)

var secondSetting = Probe{
	Name: "second_setting",
	Doc: `open a policy with another setting than the tenant's

A share token, a user, a flag that lifts the policy for jobs: left empty by a pool or set by any SQL, such a setting decides
beside the tenant's own, or instead of it.`,
	Command: "SELECT", Kind: "isolation",
	Applies: func(t *Target) bool { return len(t.s.otherSettings(t)) > 0 },
	Try: func(ctx context.Context, tx pgx.Tx, t *Target) (bool, error) {
		for _, name := range t.s.otherSettings(t) {
			for _, value := range []string{"", "on", "true", "1", "yes", "t", "admin", "service_role", "*", "%"} {
				reached := false
				err := undone(ctx, tx, func(sp pgx.Tx) error {
					more := Tenant{Context: map[string]string{name: value}}
					t.s.statements = append(t.s.statements[:0], contextSQL(more))
					if err := t.s.setContext(ctx, sp, more); err != nil {
						return err
					}
					var err error
					reached, err = tryRead(ctx, sp, t)
					return err
				})
				if reached || (err != nil && !refused(err)) {
					return reached, err
				}
			}
		}
		return false, nil
	},
}

// otherSettings returns the settings that the table's policies and their functions read beside the tenant context; sorted.
func (s *session) otherSettings(t *Target) []string {
	var out []string
	for _, name := range s.settingsOf(t.Table.Relation) {
		if _, ok := t.Owner.Context[name]; !ok && !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}
