package decide

import (
	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/expr"
	"github.com/ringfencehq/ringfence/internal/reach"
	"github.com/ringfencehq/ringfence/internal/tenancy"
)

// A nodeKey is a decision's key by identity: composed predicates are shared between ways.
type nodeKey struct {
	old, made   expr.Expr
	rel         *catalog.Relation
	as, user    string
	unbound     string
	reads       bool
	q           question
	becomes     bool
	sessionRole string
}

// cached is judge, done once for each predicate.
func (d *Decider) cached(way reach.Way, t *tenancy.Table, preds []predicate, q question) *verdict {
	key := nodeKey{way.Old, way.New, way.Relation, way.As, way.CurrentUser, way.Unbound, way.Command == reach.Select, q, becomes(way), way.Role}
	if v, ok := d.exprs.Load(key); ok {
		return v.(*verdict)
	}
	v, _ := d.exprs.LoadOrStore(key, d.judge(way, t, preds, q))
	return v.(*verdict)
}

// becomes reports whether a way takes another role by SET ROLE.
func becomes(way reach.Way) bool {
	for _, h := range way.Path {
		if h.Via == "set_role" {
			return true
		}
	}
	return false
}
