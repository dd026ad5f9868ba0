package secret

import "testing"

// What has the form of a secret is found in its line, and is none any more when it was taken out; words that stand for one are none.
func TestFind(t *testing.T) {
	for text, kind := range map[string]string{
		"DATABASE_URL=postgres://app:hunter22@db:5432/app":                        "password in a connection string",
		"host=db user=app password=hunter22":                                      "password in a connection string",
		"ALTER ROLE app PASSWORD 'hunter22'":                                      "password of a role",
		"PGPASSWORD=hunter22 psql":                                                "PGPASSWORD",
		"-----BEGIN OPENSSH PRIVATE KEY-----":                                     "private key",
		"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N": "token",
		"AKIAIOSFODNN7EXAMPLE":                                                    "AWS key",
		"ghp_0123456789abcdefghijABCDEFGHIJ012345":                                "GitHub token",
	} {
		found := Find("f", "first line\n"+text)
		if len(found) == 0 || found[0].Kind != kind || found[0].Line != 2 {
			t.Errorf("%q: %v", text, found)
		}
		if kind != "private key" && len(Find("f", Redact(text))) > 0 {
			t.Errorf("%q is still one when redacted: %q", text, Redact(text))
		}
	}
	for _, text := range []string{"postgres://app:password@db/app", "postgres://app:${PW}@db/app", "password=xxxx", "CREATE ROLE app LOGIN;", "postgres://db/app",
		"the token: see the vault"} {
		if found := Find("f", text); len(found) > 0 {
			t.Errorf("%q: %v", text, found)
		}
	}
}
