package catalog

import "bytes"

// policyQueries read policies, triggers and rules: what PostgreSQL itself adds to a statement on a relation.
func (b *builder) policyQueries() []query {
	return []query{
		{name: "policies", take: b.takePolicy, sql: `SELECT p.polrelid, p.oid, p.polname::text, p.polcmd::text, p.polpermissive, p.polroles,
			p.polqual::text, ` + b.printed(`pg_get_expr(p.polqual, p.polrelid)`) + `, p.polwithcheck::text, ` + b.printed(`pg_get_expr(p.polwithcheck, p.polrelid)`) + ` FROM pg_policy p`},
		{name: "policy dependencies", take: b.takePolicyColumn, sql: `SELECT DISTINCT d.objid, d.refobjid, d.refobjsubid FROM pg_depend d
			WHERE d.classid = ` + policyOID + ` AND d.refclassid = ` + classOID + ` AND d.refobjsubid > 0`},
		{name: "triggers", take: b.takeTrigger, sql: `SELECT t.tgrelid, t.oid, t.tgname::text, t.tgfoid, t.tgtype, t.tgattr::int2[], t.tgenabled::text,
			t.tgconstraint <> 0, t.tgparentid <> 0, t.tgqual::text, t.tgargs, ` + b.printed(`pg_get_triggerdef(t.oid)`) + `
			FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid WHERE NOT t.tgisinternal AND c.relnamespace IN ` + userSchema},
		{name: "rules", take: b.takeRule, sql: `SELECT w.ev_class, w.oid, w.rulename::text, w.ev_type::text, w.is_instead, w.ev_enabled::text,
			w.ev_qual::text, w.ev_action::text, ` + b.printed(`CASE WHEN w.rulename = '_RETURN' THEN pg_get_viewdef(w.ev_class) ELSE pg_get_ruledef(w.oid) END`) + `
			FROM pg_rewrite w JOIN pg_class c ON c.oid = w.ev_class WHERE c.relnamespace IN ` + userSchema},
	}
}

var commands = words{"*": "ALL", "r": "SELECT", "a": "INSERT", "w": "UPDATE", "d": "DELETE"}

func (b *builder) takePolicy(r *row) {
	n := b.relations[r.oid()]
	p := &Policy{OID: r.oid(), Name: r.text(), Command: commands.of(r.text()), Permissive: r.bool(), Roles: b.policyRoles(r.oids())}
	p.Using, p.Check = r.tree(), r.tree()
	if n != nil {
		n.policies = append(n.policies, p)
		b.policies[p.OID] = p
	}
}

// policyRoles names the roles of a policy; PUBLIC, which takes in all others, is the empty list.
func (b *builder) policyRoles(oids []uint32) []string {
	names := []string{}
	for _, oid := range oids {
		if oid == 0 {
			return []string{}
		}
		names = append(names, b.role(oid))
	}
	return names
}

func (b *builder) takePolicyColumn(r *row) {
	p, n, num := b.policies[r.oid()], b.relations[r.oid()], r.int32()
	if p == nil || n == nil {
		return
	}
	if c := n.Column(int16(num)); c != nil {
		p.ColumnDeps = append(p.ColumnDeps, n.ColumnIdentity(c.Name))
	}
}

// The bits of pg_trigger.tgtype.
const (
	triggerRow      = 1 << 0
	triggerBefore   = 1 << 1
	triggerInsert   = 1 << 2
	triggerDelete   = 1 << 3
	triggerUpdate   = 1 << 4
	triggerTruncate = 1 << 5
	triggerInstead  = 1 << 6
)

var enabled = words{"O": "origin", "D": "disabled", "R": "replica", "A": "always"}

func (b *builder) takeTrigger(r *row) {
	n := b.relations[r.oid()]
	t := &triggerEntry{Trigger: Trigger{OID: r.oid(), Name: r.text()}, function: r.oid()}
	bits, columns := r.int16(), r.int16s()
	t.Enabled, t.Constraint, t.Inherited = enabled.of(r.text()), r.bool(), r.bool()
	t.When = nodeOnly(r.text())
	t.Arguments = triggerArguments(r.take(-1))
	t.Definition = r.text()
	if n == nil {
		return
	}
	t.Timing, t.EachRow, t.Events = triggerTiming(bits), bits&triggerRow != 0, triggerEvents(bits)
	if len(columns) > 0 {
		t.Columns = n.columnNames(columns)
	}
	n.triggers = append(n.triggers, t)
}

// nodeOnly is a tree that PostgreSQL has no function to print by itself.
func nodeOnly(node string) *Tree {
	if node == "" {
		return nil
	}
	return &Tree{Node: node}
}

// triggerArguments splits pg_trigger.tgargs, where each argument ends with a zero byte.
func triggerArguments(args []byte) []string {
	var out []string
	for len(args) > 0 {
		arg, rest, _ := bytes.Cut(args, []byte{0})
		out, args = append(out, toText(arg)), rest
	}
	return out
}

func triggerTiming(bits int16) string {
	switch {
	case bits&triggerInstead != 0:
		return "instead"
	case bits&triggerBefore != 0:
		return "before"
	}
	return "after"
}

func triggerEvents(bits int16) []string {
	var out []string
	for _, e := range []struct {
		bit  int16
		name string
	}{{triggerInsert, "INSERT"}, {triggerUpdate, "UPDATE"}, {triggerDelete, "DELETE"}, {triggerTruncate, "TRUNCATE"}} {
		if bits&e.bit != 0 {
			out = append(out, e.name)
		}
	}
	return out
}

var ruleEvents = words{"1": "SELECT", "2": "UPDATE", "3": "INSERT", "4": "DELETE"}

func (b *builder) takeRule(r *row) {
	n := b.relations[r.oid()]
	rule := Rule{OID: r.oid(), Name: r.text(), Event: ruleEvents.of(r.text()), Instead: r.bool(), Enabled: enabled.of(r.text())}
	if qual := r.text(); qual != "<>" {
		rule.Qual = nodeOnly(qual)
	}
	rule.Action = Tree{Node: r.text(), Text: r.text()}
	if n != nil {
		n.Rules = append(n.Rules, rule)
	}
}
