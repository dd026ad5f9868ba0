package plan

import (
	"fmt"
	"strings"
)

// setOption writes the change of a view's option.
func setOption(option, value string) func(Target) []string {
	return func(t Target) []string { return oneStatement("ALTER VIEW %s SET (%s = %s)", t.sql(), option, value) }
}

// resetOption writes the way back to what the option was.
func resetOption(option string) func(Target) []string {
	return func(t Target) []string {
		if t.WasValue == nil {
			return oneStatement("ALTER VIEW %s RESET (%s)", t.sql(), option)
		}
		return oneStatement("ALTER VIEW %s SET (%s = %s)", t.sql(), option, lit(*t.WasValue))
	}
}

// optionIs asks the catalogue whether a view's option has a value for which the condition on o.option_value is true.
func optionIs(option, condition string) func(Target) string {
	return func(t Target) string {
		return fmt.Sprintf("SELECT EXISTS (SELECT %s AND c.relkind = 'v' AND EXISTS (SELECT FROM pg_catalog.pg_options_to_table(c.reloptions) o"+
			" WHERE o.option_name = %s AND %s))", ofRelation(t.Name), lit(option), condition)
	}
}

// optionOn reports whether a stored value means true.
func optionOn(value string) bool {
	switch strings.ToLower(value) {
	case "true", "on", "1", "yes":
		return true
	}
	return false
}
