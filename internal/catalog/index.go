package catalog

// index is what look-ups by OID and by name need; built once by Reindex and read-only from then on.
type index struct {
	relations  map[uint32]*Relation
	names      map[string]*Relation
	functions  map[uint32]*Function
	funcNames  map[string]*Function
	operators  map[uint32]*Operator
	types      map[uint32]*Type
	typeNames  map[string]*Type
	collations map[uint32]*Collation
	roles      map[string]*Role
	schemas    map[string]*Namespace
}

// Reindex builds the look-up tables. Reading a Snapshot calls it; who changes a Snapshot by hand (a test) calls it again.
// It is not safe to call while others look things up.
func (s *Snapshot) Reindex() {
	x := &index{
		relations: make(map[uint32]*Relation, len(s.Relations)), names: make(map[string]*Relation, len(s.Relations)),
		functions: make(map[uint32]*Function, len(s.Functions)), funcNames: make(map[string]*Function, len(s.Functions)),
		operators: make(map[uint32]*Operator, len(s.Operators)),
		types:     make(map[uint32]*Type, len(s.Types)), typeNames: make(map[string]*Type, len(s.Types)),
		collations: make(map[uint32]*Collation, len(s.Collations)),
		roles:      make(map[string]*Role, len(s.Roles)), schemas: make(map[string]*Namespace, len(s.Schemas)),
	}
	for i := range s.Relations {
		r := &s.Relations[i]
		x.relations[r.OID], x.names[r.Identity()] = r, r
	}
	for i := range s.Functions {
		f := &s.Functions[i]
		x.functions[f.OID], x.funcNames[f.Signature()] = f, f
		x.funcNames[f.Identity()] = f
	}
	for i := range s.Operators {
		x.operators[s.Operators[i].OID] = &s.Operators[i]
	}
	for i := range s.Types {
		x.types[s.Types[i].OID], x.typeNames[s.Types[i].Format] = &s.Types[i], &s.Types[i]
	}
	for i := range s.Collations {
		x.collations[s.Collations[i].OID] = &s.Collations[i]
	}
	for i := range s.Roles {
		x.roles[s.Roles[i].Name] = &s.Roles[i]
	}
	for i := range s.Schemas {
		x.schemas[s.Schemas[i].Name] = &s.Schemas[i]
	}
	s.index = x
}

// RelationByOID returns the relation with that OID, or nil.
func (s *Snapshot) RelationByOID(oid uint32) *Relation { return s.index.relations[oid] }

// Relation returns the relation of that identity (schema.name, quoted where needed), or nil.
func (s *Snapshot) Relation(identity string) *Relation { return s.index.names[identity] }

// FunctionByOID returns the function with that OID, or nil.
func (s *Snapshot) FunctionByOID(oid uint32) *Function { return s.index.functions[oid] }

// Function returns the function of that identity or signature (schema.name(types)), or nil.
func (s *Snapshot) Function(identity string) *Function { return s.index.funcNames[identity] }

// OperatorByOID returns the operator with that OID, or nil.
func (s *Snapshot) OperatorByOID(oid uint32) *Operator { return s.index.operators[oid] }

// TypeByOID returns the type with that OID, or nil.
func (s *Snapshot) TypeByOID(oid uint32) *Type { return s.index.types[oid] }

// CollationByOID returns the collation with that OID, or nil.
func (s *Snapshot) CollationByOID(oid uint32) *Collation { return s.index.collations[oid] }

// Role returns the role of that name, or nil.
func (s *Snapshot) Role(name string) *Role { return s.index.roles[name] }

// Namespace returns the schema of that name, or nil.
func (s *Snapshot) Namespace(name string) *Namespace { return s.index.schemas[name] }

// Column returns the column with that number, or nil. Negative numbers are system columns, which a Snapshot does not hold.
func (r *Relation) Column(num int16) *Column {
	for i := range r.Columns {
		if r.Columns[i].Num == num {
			return &r.Columns[i]
		}
	}
	return nil
}

// ColumnByName returns the column of that name, or nil.
func (r *Relation) ColumnByName(name string) *Column {
	for i := range r.Columns {
		if r.Columns[i].Name == name {
			return &r.Columns[i]
		}
	}
	return nil
}
