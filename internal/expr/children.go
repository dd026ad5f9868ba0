package expr

// boolOID is the OID of type boolean.
const boolOID = 16

func (e *Var) Type() uint32          { return e.TypeOID }
func (e *Const) Type() uint32        { return e.TypeOID }
func (e *Param) Type() uint32        { return e.TypeOID }
func (e *Call) Type() uint32         { return e.TypeOID }
func (e *Operation) Type() uint32    { return e.TypeOID }
func (e *Quantified) Type() uint32   { return boolOID }
func (e *Logic) Type() uint32        { return boolOID }
func (e *NullTest) Type() uint32     { return boolOID }
func (e *TruthTest) Type() uint32    { return boolOID }
func (e *Case) Type() uint32         { return e.TypeOID }
func (e *CaseArg) Type() uint32      { return e.TypeOID }
func (e *Coalesce) Type() uint32     { return e.TypeOID }
func (e *MinMax) Type() uint32       { return e.TypeOID }
func (e *Cast) Type() uint32         { return e.TypeOID }
func (e *Collate) Type() uint32      { return e.Arg.Type() }
func (e *RowCompare) Type() uint32   { return boolOID }
func (e *Row) Type() uint32          { return e.TypeOID }
func (e *Array) Type() uint32        { return e.TypeOID }
func (e *Subscript) Type() uint32    { return e.TypeOID }
func (e *Field) Type() uint32        { return e.TypeOID }
func (e *SessionValue) Type() uint32 { return e.TypeOID }
func (e *Aggregate) Type() uint32    { return e.TypeOID }
func (e *SubLink) Type() uint32      { return e.TypeOID }
func (e *SubColumn) Type() uint32    { return e.TypeOID }
func (e *Unknown) Type() uint32      { return e.TypeOID }

func (e *Var) Children() []Expr          { return nil }
func (e *Const) Children() []Expr        { return nil }
func (e *Param) Children() []Expr        { return nil }
func (e *Call) Children() []Expr         { return e.Args }
func (e *Operation) Children() []Expr    { return e.Args }
func (e *Quantified) Children() []Expr   { return []Expr{e.Left, e.Array} }
func (e *Logic) Children() []Expr        { return e.Args }
func (e *NullTest) Children() []Expr     { return []Expr{e.Arg} }
func (e *TruthTest) Children() []Expr    { return []Expr{e.Arg} }
func (e *CaseArg) Children() []Expr      { return nil }
func (e *Coalesce) Children() []Expr     { return e.Args }
func (e *MinMax) Children() []Expr       { return e.Args }
func (e *Cast) Children() []Expr         { return []Expr{e.Arg} }
func (e *Collate) Children() []Expr      { return []Expr{e.Arg} }
func (e *RowCompare) Children() []Expr   { return append(append([]Expr(nil), e.Left...), e.Right...) }
func (e *Row) Children() []Expr          { return e.Fields }
func (e *Array) Children() []Expr        { return e.Elements }
func (e *Field) Children() []Expr        { return []Expr{e.Arg} }
func (e *SessionValue) Children() []Expr { return nil }
func (e *SubColumn) Children() []Expr    { return nil }
func (e *Unknown) Children() []Expr      { return e.Args }

func (e *Case) Children() []Expr {
	var out []Expr
	if e.Arg != nil {
		out = append(out, e.Arg)
	}
	for _, w := range e.Whens {
		out = append(out, w.Cond, w.Result)
	}
	return append(out, e.Else)
}

func (e *Subscript) Children() []Expr {
	out := append([]Expr{e.Container}, e.Lower...)
	return append(out, e.Upper...)
}

func (e *Aggregate) Children() []Expr {
	if e.Filter == nil {
		return e.Args
	}
	return append(append([]Expr(nil), e.Args...), e.Filter)
}

func (e *SubLink) Children() []Expr {
	if e.Test == nil {
		return nil
	}
	return []Expr{e.Test}
}
