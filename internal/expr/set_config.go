package expr

import (
	"strconv"
	"strings"

	pgquery "github.com/pganalyze/pg_query_go/v6"
)

// SetConfig returns the setting, in lower case, and the value that a call of set_config gives it; false for any other call, and where
// the name is not a constant.
func SetConfig(c *Call) (string, Expr, bool) {
	if c.Func == nil || !c.Func.System || c.Func.Name != "set_config" || len(c.Args) != 3 {
		return "", nil, false
	}
	k, ok := c.Args[0].(*Const)
	if !ok || !k.Known || k.Null {
		return "", nil, false
	}
	return strings.ToLower(k.Text), c.Args[1], true
}

// asSetConfig writes SET of one of the schema's own settings to a constant as the SELECT of set_config that it amounts to; nil for any
// other statement.
func asSetConfig(n *pgquery.VariableSetStmt) *pgquery.Node {
	if n == nil || n.Kind != pgquery.VariableSetKind_VAR_SET_VALUE || !strings.Contains(n.Name, ".") || len(n.Args) != 1 || n.Args[0].GetAConst().GetSval() == nil {
		return nil
	}
	call := pgquery.MakeFuncCallNode([]*pgquery.Node{pgquery.MakeStrNode("pg_catalog"), pgquery.MakeStrNode("set_config")},
		[]*pgquery.Node{pgquery.MakeAConstStrNode(n.Name, -1), n.Args[0], pgquery.MakeAConstStrNode(strconv.FormatBool(n.IsLocal), -1)}, -1)
	return &pgquery.Node{Node: &pgquery.Node_SelectStmt{SelectStmt: &pgquery.SelectStmt{
		TargetList: []*pgquery.Node{pgquery.MakeResTargetNodeWithVal(call, -1)},
	}}}
}
