package ringfence

import (
	"context"
	"errors"
	"strings"
	"testing"
)

const aTenant = "0b9f1c1e-5a1d-4c58-9d5e-3f6b1a2c4d5e"

func TestParseTenant(t *testing.T) {
	want, err := ParseTenant(aTenant)
	if err != nil || want.String() != aTenant {
		t.Fatalf("%v, %v", want, err)
	}
	if upper, err := ParseTenant(strings.ToUpper(aTenant)); err != nil || upper != want {
		t.Errorf("another case is another tenant: %v, %v", upper, err)
	}
	for _, bad := range []string{"", " ", aTenant + " ", " " + aTenant, "{" + aTenant + "}", strings.ReplaceAll(aTenant, "-", ""),
		aTenant[:35], aTenant[:35] + "g", aTenant[:34] + "-e", "00000000-0000-0000-0000-000000000000", aTenant[:35] + "ſ"} {
		if got, err := ParseTenant(bad); !errors.Is(err, ErrTenant) || got.Valid() {
			t.Errorf("%q: %v, %v", bad, got, err)
		}
	}
}

func TestParseTenantText(t *testing.T) {
	if got, err := ParseTenantText("Größe GmbH"); err != nil || got.String() != "Größe GmbH" {
		t.Errorf("%v, %v", got, err)
	}
	for _, bad := range []string{"", " a", "a\n", "a\x00b", "\xff", strings.Repeat("a", 257)} {
		if got, err := ParseTenantText(bad); !errors.Is(err, ErrTenant) || got.Valid() {
			t.Errorf("%q: %v, %v", bad, got, err)
		}
	}
}

func TestParseTenantInt(t *testing.T) {
	if got, err := ParseTenantInt("42"); err != nil || got.String() != "42" {
		t.Errorf("%v, %v", got, err)
	}
	for _, bad := range []string{"", "0", "-1", "+1", "01", " 1", "1e3", "9223372036854775808"} {
		if got, err := ParseTenantInt(bad); !errors.Is(err, ErrTenant) || got.Valid() {
			t.Errorf("%q: %v, %v", bad, got, err)
		}
	}
}

func TestTenantFrom(t *testing.T) {
	tenant, _ := ParseTenant(aTenant)
	ctx := WithTenant(context.Background(), tenant)
	if got, err := TenantFrom(ctx); err != nil || got != tenant {
		t.Errorf("%v, %v", got, err)
	}
	if _, err := TenantFrom(context.Background()); !errors.Is(err, ErrNoTenant) {
		t.Errorf("an empty context: %v", err)
	}
	if _, err := TenantFrom(WithTenant(ctx, Tenant{})); !errors.Is(err, ErrNoTenant) {
		t.Errorf("an invalid tenant fell back to the outer one: %v", err)
	}
}

func FuzzParseTenant(f *testing.F) {
	f.Add(aTenant)
	f.Add("42")
	f.Fuzz(func(t *testing.T, s string) {
		for _, parse := range []func(string) (Tenant, error){ParseTenant, ParseTenantText, ParseTenantInt} {
			got, err := parse(s)
			if (err == nil) != got.Valid() {
				t.Fatalf("%q: %v, %v", s, got, err)
			}
			if err != nil {
				continue
			}
			if again, err := parse(got.String()); err != nil || again != got {
				t.Fatalf("%q prints as %q, which reads as %v, %v", s, got.String(), again, err)
			}
		}
	})
}
