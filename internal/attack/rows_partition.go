package attack

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ringfencehq/ringfence/internal/catalog"
)

// tree returns the relation, what it is a partition of, and its partitions, all the way up and down.
func (d *draft) tree() []*catalog.Relation {
	if d.branches != nil {
		return d.branches
	}
	out := []*catalog.Relation{d.rel}
	for r := d.rel; r.Partition != nil; {
		if r = d.m.s.snap.Relation(r.Partition.Parent); r == nil {
			break
		}
		out = append(out, r)
	}
	for i, down := 0, []*catalog.Relation{d.rel}; i < len(down); i++ {
		for j := range d.m.s.snap.Relations {
			if r := &d.m.s.snap.Relations[j]; r.Partition != nil && r.Partition.Parent == down[i].Identity() {
				down, out = append(down, r), append(out, r)
			}
		}
	}
	d.branches = out
	return out
}

// partitionKey reports whether the relation, or one above or below it, is split by the column.
func (d *draft) partitionKey(column string) bool {
	if d.rel.Partition == nil && d.rel.PartitionBy == nil {
		return false
	}
	return slices.ContainsFunc(d.tree(), func(r *catalog.Relation) bool {
		return r.PartitionBy != nil && slices.Contains(r.PartitionBy.Columns, column)
	})
}

// bounds returns the values that partition bounds on a column name, and some between them; those of the relation's own
// bound first.
func (d *draft) bounds(column string) []string {
	var out []string
	for _, r := range d.tree() {
		if r.Partition == nil {
			continue
		}
		whole := d.m.s.snap.Relation(r.Partition.Parent)
		if whole != nil && whole.PartitionBy != nil && slices.Contains(whole.PartitionBy.Columns, column) {
			out = append(out, inBound(r.Partition.Bound)...)
		}
	}
	return out
}

// inBound returns the values a partition bound names, later days and numbers after each.
func inBound(bound string) []string {
	var out []string
	for _, m := range quotedLiteral.FindAllStringSubmatch(bound, -1) {
		v := strings.ReplaceAll(m[1], "''", "'")
		out = append(out, v)
		for _, layout := range []string{time.DateOnly, time.DateTime, "2006-01-02 15:04:05-07"} {
			if at, err := time.Parse(layout, v); err == nil {
				out = append(out, at.AddDate(0, 0, 1).Format(layout), at.Add(2*24*time.Hour).Format(layout), at.Add(3*24*time.Hour).Format(layout))
			}
		}
		if n, err := strconv.ParseFloat(v, 64); err == nil {
			out = append(out, around([]float64{n, n + 2})...)
		}
	}
	var numbers []float64
	for _, m := range bareNumber.FindAllStringSubmatch(quotedLiteral.ReplaceAllString(bound, ""), -1) {
		numbers = append(numbers, toFloat(m[1]))
	}
	return append(out, around(numbers)...)
}
