package catalog

import "testing"

// A right to set a parameter is this database's where a role that it meets, or everybody, has it; a cluster's other roles have theirs.
func TestParametersOfOthers(t *testing.T) {
	of := func(grantees ...string) string {
		s := &Snapshot{Server: Server{DatabaseOwner: "here"}, Parameters: []ParameterGrant{{Name: "work_mem"}}}
		for _, g := range grantees {
			s.Parameters[0].Grants = append(s.Parameters[0].Grants, Grant{Grantee: g, Privilege: "SET"})
		}
		s.Reindex()
		return s.Fingerprints()["parameter work_mem"]
	}
	if got := of("elsewhere"); got != "" {
		t.Error("a grant to a role of another database counts")
	}
	if of("here") == "" || of("") == "" {
		t.Error("a grant to a role of this database, or to everybody, does not count")
	}
	if of("here") != of("here", "elsewhere") {
		t.Error("a grant to a role of another database changes one of this database's")
	}
}
