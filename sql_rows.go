package ringfence

import (
	"database/sql/driver"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
)

// sqlRows are a statement's rows as database/sql reads them. The types are those of pgx's own driver: numbers, times, bytes
// and booleans as such, all else as text (which pgx writes where the server sent the binary form: an interval of a day is
// "1 day 00:00:00").
type sqlRows struct {
	rows    pgx.Rows
	fields  []pgconn.FieldDescription // a copy: the connection's own are used again when the rows have ended
	names   []string                  // of the fields' types
	columns []string
	read    []func(raw []byte) (driver.Value, error)
	ahead   bool // the first row was asked for already
	more    bool
}

// newSQLRows reads ahead to the first row, so that an error of the server belongs to the query.
func newSQLRows(rows pgx.Rows) (*sqlRows, error) {
	r := &sqlRows{rows: rows, ahead: true, fields: slices.Clone(rows.FieldDescriptions())}
	for _, f := range r.fields {
		r.columns = append(r.columns, f.Name)
		r.names = append(r.names, typeName(rows.TypeMap(), f.DataTypeOID))
		r.read = append(r.read, reader(rows.TypeMap(), f))
	}
	r.more = rows.Next()
	if err := rows.Err(); err != nil {
		return nil, err
	}
	return r, nil
}

// typeName is a type's name, or its number.
func typeName(m *pgtype.Map, oid uint32) string {
	if t, ok := m.TypeForOID(oid); ok {
		return strings.ToUpper(t.Name)
	}
	return strconv.FormatUint(uint64(oid), 10)
}

// Columns implements driver.Rows.
func (r *sqlRows) Columns() []string { return r.columns }

// Close implements driver.Rows: COMMIT's error is returned here where the rows were not read to the end.
func (r *sqlRows) Close() error {
	r.rows.Close()
	return r.rows.Err()
}

// Next implements driver.Rows.
func (r *sqlRows) Next(dest []driver.Value) error {
	more := r.more
	if !r.ahead {
		more = r.rows.Next()
	}
	r.ahead = false
	if !more {
		if err := r.rows.Err(); err != nil {
			return err
		}
		return io.EOF
	}
	for i, raw := range r.rows.RawValues() {
		dest[i] = nil
		if raw == nil {
			continue
		}
		value, err := r.read[i](raw)
		if err != nil {
			return fmt.Errorf("reading column %d: %w", i+1, err)
		}
		dest[i] = value
	}
	return nil
}

// ColumnTypeDatabaseTypeName implements driver.RowsColumnTypeDatabaseTypeName: the type's name, or its number.
func (r *sqlRows) ColumnTypeDatabaseTypeName(i int) string { return r.names[i] }

// ColumnTypeScanType implements driver.RowsColumnTypeScanType.
func (r *sqlRows) ColumnTypeScanType(i int) reflect.Type {
	switch r.fields[i].DataTypeOID {
	case pgtype.Float4OID, pgtype.Float8OID:
		return reflect.TypeFor[float64]()
	case pgtype.Int2OID, pgtype.Int4OID, pgtype.Int8OID:
		return reflect.TypeFor[int64]()
	case pgtype.BoolOID:
		return reflect.TypeFor[bool]()
	case pgtype.DateOID, pgtype.TimestampOID, pgtype.TimestamptzOID:
		return reflect.TypeFor[time.Time]()
	case pgtype.ByteaOID:
		return reflect.TypeFor[[]byte]()
	}
	return reflect.TypeFor[string]()
}

// reader returns what turns a column's bytes into one of database/sql's types.
func reader(m *pgtype.Map, f pgconn.FieldDescription) func([]byte) (driver.Value, error) {
	switch f.DataTypeOID {
	case pgtype.BoolOID:
		return read(m, f, func(v bool) (driver.Value, error) { return v, nil })
	case pgtype.ByteaOID, pgtype.JSONOID, pgtype.JSONBOID, pgtype.XMLOID:
		return read(m, f, func(v []byte) (driver.Value, error) { return v, nil })
	case pgtype.CIDOID, pgtype.OIDOID, pgtype.XIDOID:
		return read(m, f, func(v pgtype.Uint32) (driver.Value, error) { return v.Value() })
	case pgtype.DateOID:
		return read(m, f, func(v pgtype.Date) (driver.Value, error) { return v.Value() })
	case pgtype.TimestampOID:
		return read(m, f, func(v pgtype.Timestamp) (driver.Value, error) { return v.Value() })
	case pgtype.TimestamptzOID:
		return read(m, f, func(v pgtype.Timestamptz) (driver.Value, error) { return v.Value() })
	case pgtype.Float4OID:
		return read(m, f, func(v float32) (driver.Value, error) { return float64(v), nil })
	case pgtype.Float8OID:
		return read(m, f, func(v float64) (driver.Value, error) { return v, nil })
	case pgtype.Int2OID, pgtype.Int4OID, pgtype.Int8OID:
		return read(m, f, func(v int64) (driver.Value, error) { return v, nil })
	}
	text := read(m, f, func(v string) (driver.Value, error) { return v, nil })
	return func(raw []byte) (driver.Value, error) {
		value, err := text(raw)
		if err == nil {
			return value, nil
		}
		return retold(m, f, raw) // a binary form that is no text, such as an array's
	}
}

// retold writes a value of any type as text, by way of its Go form.
func retold(m *pgtype.Map, f pgconn.FieldDescription, raw []byte) (driver.Value, error) {
	t, ok := m.TypeForOID(f.DataTypeOID)
	if !ok {
		return nil, fmt.Errorf("type %d is not known", f.DataTypeOID)
	}
	value, err := t.Codec.DecodeValue(m, f.DataTypeOID, f.Format, raw)
	if err != nil {
		return nil, err
	}
	written, err := m.Encode(f.DataTypeOID, pgtype.TextFormatCode, value, nil)
	return string(written), err
}

// read scans a column into a T and converts it.
func read[T any](m *pgtype.Map, f pgconn.FieldDescription, convert func(T) (driver.Value, error)) func([]byte) (driver.Value, error) {
	plan := m.PlanScan(f.DataTypeOID, f.Format, new(T))
	return func(raw []byte) (driver.Value, error) {
		var v T
		if err := plan.Scan(raw, &v); err != nil {
			return nil, err
		}
		return convert(v)
	}
}
