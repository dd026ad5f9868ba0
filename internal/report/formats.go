package report

import "io"

// A Format is one way to write a Report. It sees only the Report: one saved as JSON today can be written in any format later.
type Format struct {
	Name, Doc string
	// Writes reports whether the format has a form for the document; nil: for every one.
	Writes func(r *Report) bool
	Write  func(w io.Writer, r *Report, o Options) error
}

// Options say for whom a document is written.
type Options struct {
	Color   bool // ANSI colours, for a terminal
	Width   int  // columns to wrap at; 0: 100
	Details bool // each leak by itself, where text would put those of one cause together
}

// Formats returns every format, the one for people first.
func Formats() []Format {
	return []Format{textFormat, jsonFormat, htmlFormat, sarifFormat, junitFormat, githubFormat, markdownFormat}
}

// FormatNamed returns the format of that name, and whether there is one.
func FormatNamed(name string) (Format, bool) {
	for _, f := range Formats() {
		if f.Name == name {
			return f, true
		}
	}
	return Format{}, false
}

// NamesFor returns the names of the formats that have a form for the document r, the one for people first.
func NamesFor(r *Report) []string {
	var out []string
	for _, f := range Formats() {
		if f.Writes == nil || f.Writes(r) {
			out = append(out, f.Name)
		}
	}
	return out
}

// judges reports whether r is a document of verdicts on the objects of a database: an audit or a proof.
func judges(r *Report) bool { return r.Audit != nil || r.Prove != nil }

var jsonFormat = Format{
	Name: "json", Doc: "the master form, for programs",
	Write: func(w io.Writer, r *Report, _ Options) error { return WriteJSON(w, r.Document()) },
}
