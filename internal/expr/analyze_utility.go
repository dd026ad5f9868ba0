package expr

import pgquery "github.com/pganalyze/pg_query_go/v6"

// TruncateTag is the Utility of a TRUNCATE: the one statement that is not planned and is read whole, since its Range says it all.
const TruncateTag = "TRUNCATE"

// about puts the tables that a utility statement is about into its range.
func (a *analyzer) about(n any) {
	switch n := n.(type) {
	case *pgquery.Node_TruncateStmt:
		for _, r := range n.TruncateStmt.Relations {
			a.aboutTable(r.GetRangeVar())
		}
	case *pgquery.Node_AlterTableStmt:
		a.aboutTable(n.AlterTableStmt.Relation)
	case *pgquery.Node_CreatePolicyStmt:
		a.aboutTable(n.CreatePolicyStmt.Table)
	case *pgquery.Node_AlterPolicyStmt:
		a.aboutTable(n.AlterPolicyStmt.Table)
	case *pgquery.Node_DropStmt:
		a.aboutDropped(n.DropStmt)
	}
}

func (a *analyzer) aboutTable(v *pgquery.RangeVar) {
	if v == nil {
		return
	}
	if rel, _ := a.relation(v.Schemaname, v.Relname); rel != nil {
		a.space.query.Range = append(a.space.query.Range, RangeEntry{Kind: "relation", Alias: v.Relname, Relation: rel, RelOID: rel.OID})
	}
}

// aboutDropped finds the tables that are dropped, or lose a policy, a trigger or a rule.
func (a *analyzer) aboutDropped(n *pgquery.DropStmt) {
	part := 0
	switch n.RemoveType {
	case pgquery.ObjectType_OBJECT_POLICY, pgquery.ObjectType_OBJECT_TRIGGER, pgquery.ObjectType_OBJECT_RULE:
		part = 1
	case pgquery.ObjectType_OBJECT_TABLE:
	default:
		return
	}
	for _, o := range n.Objects {
		var names []string
		for _, item := range o.GetList().GetItems() {
			names = append(names, str(item))
		}
		if names = names[:max(len(names)-part, 0)]; len(names) == 0 {
			continue
		}
		v := &pgquery.RangeVar{Relname: names[len(names)-1]}
		if len(names) > 1 {
			v.Schemaname = names[len(names)-2]
		}
		a.aboutTable(v)
	}
}
