package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// row is what one benchmark reported, one value a run.
type row struct {
	name   string
	units  []string // in the order of a table's columns
	values map[string][]float64
}

// parse reads the lines of benchmarks; runs of the same benchmark come together. Metrics of nothing but zero are left out:
// a benchmark sets ns/op to zero where it says nothing.
func parse(output string) []*row {
	var all []*row
	byName := map[string]*row{}
	for line := range strings.Lines(output) {
		fields := strings.Fields(line)
		if len(fields) < 4 || !strings.HasPrefix(fields[0], "Benchmark") {
			continue
		}
		name := fields[0]
		if at := strings.LastIndex(name, "-"); at > 0 {
			name = name[:at] // the number of cores
		}
		if _, sub, ok := strings.Cut(name, "/"); ok {
			name = sub
		}
		r := byName[name]
		if r == nil {
			r = &row{name: name, values: map[string][]float64{}}
			byName[name] = r
			all = append(all, r)
		}
		for i := 2; i+1 < len(fields); i += 2 {
			if v, err := strconv.ParseFloat(fields[i], 64); err == nil && v != 0 {
				r.values[fields[i+1]] = append(r.values[fields[i+1]], v)
			}
		}
	}
	for _, r := range all {
		for unit := range r.values {
			r.units = append(r.units, unit)
		}
		slices.SortFunc(r.units, func(a, b string) int { return strings.Compare(order(a), order(b)) })
	}
	return all
}

// order puts the plain way first, then the usual one.
func order(unit string) string {
	switch way, _, _ := strings.Cut(unit, "-"); way {
	case "plain":
		return "0"
	case "recipe":
		return "1"
	}
	return "2" + unit
}

// median is the middle one of some values.
func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}

// table writes rows whose columns are the same one below the other, with one head for each group.
func table(rows []*row) string {
	var b strings.Builder
	var head []string
	for _, r := range rows {
		ways := columns(r)
		if !slices.Equal(ways, head) {
			if head != nil {
				b.WriteString("\n")
			}
			head = ways
			b.WriteString("| | " + strings.Join(ways, " | ") + " |\n|---|" + strings.Repeat("--:|", len(ways)) + "\n")
		}
		b.WriteString("| " + strings.ReplaceAll(r.name, "_", " "))
		for _, unit := range r.units {
			b.WriteString(" | " + cell(r, unit))
		}
		b.WriteString(" |\n")
	}
	return b.String()
}

// columns are the heads of a row's columns.
func columns(r *row) []string {
	var all []string
	for _, unit := range r.units {
		way, measure, ok := strings.Cut(unit, "-")
		if ok {
			unit = way + ", " + measure
		}
		all = append(all, unit)
	}
	return all
}

// cell is a value, with its ratio to the plain way's where there is one.
func cell(r *row, unit string) string {
	text := strconv.FormatFloat(median(r.values[unit]), 'g', 3, 64)
	if v := median(r.values[unit]); v >= 1000 {
		text = strconv.FormatFloat(v, 'f', 0, 64)
	}
	_, measure, _ := strings.Cut(unit, "-")
	plain := r.values["plain-"+measure]
	if len(plain) == 0 || unit == "plain-"+measure {
		return text
	}
	return fmt.Sprintf("%s (%.2f×)", text, median(r.values[unit])/median(plain))
}

// replace puts text between a section's two marks, and adds the section at the end where there is none.
func replace(file, section, text string) string {
	begin, end := "<!-- bench:"+section+" -->\n", "<!-- /bench:"+section+" -->\n"
	before, rest, found := strings.Cut(file, begin)
	if !found {
		return strings.TrimRight(file, "\n") + "\n\n" + begin + text + end
	}
	_, after, found := strings.Cut(rest, end)
	if !found {
		after = rest
	}
	return before + begin + text + end + after
}
