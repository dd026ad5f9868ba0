package tenancy

import (
	"strconv"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/expr"
)

// A comparison is what one policy says of one column of its own table: it is held against the session's context.
type comparison struct {
	rel    *catalog.Relation
	column string
	reads  []read
	exact  bool   // by an equality
	member string // the table through which the tenant is found, where it is by membership
	policy int    // which policy, for counting
}

// principal reports whether the column is held against a person, not against a tenant.
func (c *comparison) principal() bool {
	if c.member != "" {
		return false
	}
	for _, r := range c.reads {
		if r.table != "" || !r.principal() && !(r.kind == "role" && personal(c.column)) {
			return false
		}
	}
	return tenantWeight(c.column) <= ownerWeight || personal(c.column)
}

// ownerWeight is what "owner_id" weighs: held against a person, it is that person.
const ownerWeight = 28

// A joint is what a policy says of a parent: rows of rel belong to the tenant of the row of parent that they name.
type joint struct {
	rel, parent     *catalog.Relation
	column, refers  string
	parentTenant    string // the parent's column that the policy itself compares; "": left to the parent's own policies
	parentTenantRaw []read
}

// A finder reads policies for evidence.
type finder struct {
	snap        *catalog.Snapshot
	reader      *expr.Reader
	comparisons []comparison
	apart       []comparison // what sub-queries that are tied to no row of the policy's own compare
	joints      []joint
	sentinels   map[string]int
	helpers     map[*catalog.Function]bool // what policies call
	policies    int
	inSession   map[string][]read // tables that functions look the context up in
}

// policiesOf looks at every policy of rel.
func (f *finder) policiesOf(rel *catalog.Relation) {
	apart := map[string][]string{} // column → sentinels that a policy of their own opens
	for i := range rel.Policies {
		p := &rel.Policies[i]
		f.policies++
		for _, tree := range []*catalog.Tree{p.Using, p.Check} {
			e, err := f.reader.Expression(tree, rel)
			if err != nil || e == nil {
				continue
			}
			f.condition(e, rel, f.policies)
			f.shared(e, rel)
			if column, value, ok := sentinel(e, rel); ok && p.Permissive && p.Command == "SELECT" {
				apart[column] = append(apart[column], value)
			}
		}
	}
	for _, c := range f.comparisons {
		if c.rel == rel {
			for _, value := range apart[c.column] {
				f.sentinels[value]++
			}
		}
	}
}

// condition looks at the atoms of a policy's expression.
func (f *finder) condition(e expr.Expr, rel *catalog.Relation, policy int) {
	switch n := e.(type) {
	case *expr.Logic, *expr.TruthTest, *expr.Coalesce, *expr.Case:
		for _, c := range n.Children() {
			f.condition(c, rel, policy)
		}
	case *expr.SubLink:
		f.subquery(n, nil, rel, policy)
	case *expr.Operation:
		f.operands(n, n.Args, n.Kind != "nullif" && equality(n.Op), rel, policy)
	case *expr.Quantified:
		f.operands(n, []expr.Expr{n.Left, n.Array}, n.Any && equality(n.Op), rel, policy)
	case *expr.RowCompare:
		for i := range n.Left {
			f.operands(n, []expr.Expr{n.Left[i], n.Right[i]}, n.Strategy == 3, rel, policy)
		}
	case *expr.Call, *expr.Unknown, *expr.Cast:
		f.mixed(n, rel, policy)
	}
}

// equality reports whether an operator is spelled as one; that it is the true one is not this package's business.
func equality(op *catalog.Operator) bool { return op != nil && op.Name == "=" }

// operands looks at a comparison of two sides.
func (f *finder) operands(whole expr.Expr, args []expr.Expr, exact bool, rel *catalog.Relation, policy int) {
	for i, a := range args {
		column, ok := ownColumn(a, rel)
		if !ok {
			continue
		}
		other := args[len(args)-1-i]
		if s, isSub := bare(other).(*expr.SubLink); isSub {
			f.subquery(s, []string{column}, rel, policy)
			return
		}
		if reads := f.reads(other); len(reads) > 0 {
			f.add(comparison{rel: rel, column: column, reads: reads, exact: exact, policy: policy, member: memberTable(reads)})
			return
		}
	}
	f.mixed(whole, rel, policy)
}

// mixed looks at a form that holds own columns and context in some other way: a function of both, a pattern, a hash.
func (f *finder) mixed(e expr.Expr, rel *catalog.Relation, policy int) {
	if s, ok := bare(e).(*expr.SubLink); ok {
		f.subquery(s, nil, rel, policy)
		return
	}
	columns := ownColumns(e, rel)
	if len(columns) == 0 {
		return
	}
	reads := f.reads(e)
	if len(reads) == 0 && !f.opaque(e) {
		return
	}
	for _, c := range columns {
		if len(columns) == 1 || tenantWeight(c) > 0 {
			f.add(comparison{rel: rel, column: c, reads: reads, policy: policy, member: memberTable(reads)})
		}
	}
}

// opaque reports whether e calls a user-defined function whose body cannot be read.
func (f *finder) opaque(e expr.Expr) bool {
	found := false
	expr.WalkDeep(e, func(n expr.Expr, _ int) bool {
		if c, ok := n.(*expr.Call); ok && c.Func != nil && !builtin(c.Func) && f.bodyOf(c.Func) == nil {
			found = true
		}
		return !found
	})
	return found
}

// memberTable returns the table in which the tenants of a person are looked up, or "".
func memberTable(reads []read) string {
	for _, r := range reads {
		if r.table != "" && r.principal() {
			return r.table
		}
	}
	return ""
}

func (f *finder) add(c comparison) {
	f.comparisons = append(f.comparisons, c)
	for _, r := range c.reads {
		if r.table != "" && !r.principal() {
			f.inSession[r.table] = append(f.inSession[r.table], r)
		}
	}
}

// ownColumn returns the one column of rel that e is, conversions and functions of it alone looked through.
func ownColumn(e expr.Expr, rel *catalog.Relation) (string, bool) {
	if v, ok := bare(e).(*expr.Var); ok && v.Level == 0 && v.RTE == 1 && v.Num > 0 && v.Name != "" {
		return v.Name, true
	}
	return "", false
}

// ownColumns returns the columns of rel that occur in e, sub-queries included.
func ownColumns(e expr.Expr, rel *catalog.Relation) []string {
	var out []string
	seen := make(map[string]bool)
	expr.WalkDeep(e, func(n expr.Expr, depth int) bool {
		if v, ok := n.(*expr.Var); ok && v.Level == depth && v.RTE == 1 && v.Num > 0 && v.Name != "" && !seen[v.Name] {
			seen[v.Name] = true
			out = append(out, v.Name)
		}
		return true
	})
	return out
}

// shared looks for rows shared on purpose: beside a comparison of the column with the context, OR column = constant, where
// the constant is one that no tenant is given, or OR column IS NULL. A policy for SELECT that says no more than that is its
// like (policiesOf).
func (f *finder) shared(e expr.Expr, rel *catalog.Relation) {
	expr.Walk(e, func(n expr.Expr) bool {
		or, ok := n.(*expr.Logic)
		if !ok || or.Op != "or" {
			return true
		}
		compared := make(map[string]bool)
		for _, a := range or.Args {
			if len(f.reads(a)) > 0 {
				for _, c := range ownColumns(a, rel) {
					compared[c] = true
				}
			}
		}
		for _, a := range or.Args {
			if column, value, ok := sentinel(a, rel); ok && compared[column] {
				f.sentinels[value]++
			}
		}
		return true
	})
}

// NullSentinel stands in Model.Sentinels for rows whose key is NULL.
const NullSentinel = "NULL"

func sentinel(e expr.Expr, rel *catalog.Relation) (column, value string, ok bool) {
	switch n := e.(type) {
	case *expr.NullTest:
		if column, ok = ownColumn(n.Arg, rel); ok && !n.Not {
			return column, NullSentinel, true
		}
	case *expr.Operation:
		if len(n.Args) != 2 || !equality(n.Op) {
			return "", "", false
		}
		for i := range n.Args {
			column, own := ownColumn(n.Args[i], rel)
			value, fixed := constant(n.Args[1-i])
			if own && fixed && reserved(value) {
				return column, value, true
			}
		}
	}
	return "", "", false
}

// reservedWords are tenants' names that belong to no tenant.
var reservedWords = map[string]bool{
	"": true, "*": true, "all": true, "system": true, "global": true, "public": true, "shared": true, "default": true, "template": true,
	"common": true, "any": true, "none": true, "root": true, "sys": true, "_system": true, "__system__": true, "master": true,
}

// reserved reports whether a value is one that stands for no tenant: a word for all, zero, minus one, the nil or the max UUID.
func reserved(value string) bool {
	if reservedWords[value] {
		return true
	}
	if n, err := strconv.ParseInt(value, 10, 64); err == nil {
		return n == 0 || n == -1
	}
	if len(value) != 36 {
		return false
	}
	zeros := 0
	for _, r := range value {
		if r == '0' {
			zeros++
		}
	}
	return zeros >= 31 || value == "ffffffff-ffff-ffff-ffff-ffffffffffff"
}
