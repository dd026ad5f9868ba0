package ringfence

import (
	"reflect"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
)

// scans are the ways to read a statement's columns into the types that were asked for last.
type scans struct {
	plans []pgtype.ScanPlan
	types []reflect.Type
}

// plan returns one plan a column.
func (s *scans) plan(m *pgtype.Map, fields []pgconn.FieldDescription, dest []any) []pgtype.ScanPlan {
	if len(s.plans) != len(dest) {
		s.plans, s.types = make([]pgtype.ScanPlan, len(dest)), make([]reflect.Type, len(dest))
	}
	for i, d := range dest {
		if t := reflect.TypeOf(d); s.plans[i] == nil || s.types[i] != t {
			s.plans[i], s.types[i] = m.PlanScan(fields[i].DataTypeOID, fields[i].Format, d), t
		}
	}
	return s.plans
}
