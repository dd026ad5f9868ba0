package catalog

import "strings"

// firstUserOID is FirstNormalObjectId: the first OID that initdb does not give.
const (
	firstUserOID     = 16384
	firstUserOIDText = "16384"
)

// blockSize is what sizes are estimated with. PostgreSQL can be built with others; an estimate bears that.
const blockSize = 8192

// systemSchema reports whether a schema is PostgreSQL's own.
func systemSchema(name string) bool {
	return name == "pg_catalog" || name == "information_schema" || toastOrTemp(name)
}

func toastOrTemp(name string) bool {
	return name == "pg_toast" || strings.HasPrefix(name, "pg_temp_") || strings.HasPrefix(name, "pg_toast_temp_")
}

// optionMap splits name=value pairs; a name alone has the value "".
func optionMap(pairs []string) map[string]string {
	if len(pairs) == 0 {
		return nil
	}
	out := make(map[string]string, len(pairs))
	for _, p := range pairs {
		name, value, _ := strings.Cut(p, "=")
		out[name] = value
	}
	return out
}

// The OIDs of the catalogues that pg_depend and pg_description name, fixed since PostgreSQL has them.
const (
	classOID     = "1259"
	policyOID    = "3256"
	extensionOID = "3079"
)
