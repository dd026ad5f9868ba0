package tenancy

import (
	"strings"
	"unicode"
)

// words splits a name into lower-case words: at underscores, dashes, dots and colons, at changes of case, and before digits.
// tenantPk gives tenant, pk; organizationId organization, id; ad_client_id ad, client, id.
func words(name string) []string {
	var out []string
	var word []rune
	flush := func() {
		if len(word) > 0 {
			out = append(out, strings.ToLower(string(word)))
			word = nil
		}
	}
	runes := []rune(name)
	for i, r := range runes {
		switch {
		case !unicode.IsLetter(r) && !unicode.IsDigit(r):
			flush()
			continue
		case i > 0 && unicode.IsUpper(r) && (unicode.IsLower(runes[i-1]) || i+1 < len(runes) && unicode.IsUpper(runes[i-1]) && unicode.IsLower(runes[i+1])):
			flush()
		case i > 0 && unicode.IsDigit(r) && unicode.IsLetter(runes[i-1]):
			flush()
		}
		word = append(word, r)
	}
	flush()
	return out
}

// idWords say that a name is an identifier, and nothing else.
var idWords = map[string]bool{
	"id": true, "ids": true, "pk": true, "fk": true, "key": true, "uuid": true, "guid": true, "uid": true, "no": true, "nr": true,
	"num": true, "number": true, "code": true, "ref": true, "slug": true, "record": true, "name": true, "sk": true, "oid": true, "hash": true,
}

// tenantWords weigh the words that a tenant is called by; the heavier, the surer.
var tenantWords = map[string]int{
	"tenant": 100, "tenants": 100, "tenancy": 90, "mandant": 95, "mandator": 80, "tid": 85, "tenantid": 100,
	"organization": 80, "organisation": 80, "organizations": 80, "organisations": 80, "org": 80, "orgs": 80, "orgid": 80, "orga": 70,
	"workspace": 75, "workspaces": 75, "namespace": 65, "realm": 60, "instance": 45,
	"company": 70, "companies": 70, "corp": 60, "firm": 60, "enterprise": 60, "business": 60, "agency": 60, "employer": 45,
	"restaurant": 62, "shop": 60, "store": 58, "merchant": 62, "vendor": 45, "seller": 45, "hotel": 55, "school": 60, "clinic": 60,
	"hospital": 55, "practice": 55, "franchise": 60, "club": 55, "church": 55, "brand": 45, "outlet": 45, "venue": 45, "institution": 55,
	"university": 50, "studio": 45, "gym": 55, "dealer": 50, "dealership": 55, "property": 35, "site": 45, "website": 45,
	"account": 60, "accounts": 60, "client": 58, "clients": 58, "customer": 50, "customers": 50, "subscriber": 45, "partner": 42, "licensee": 50,
	"team": 55, "teams": 55, "community": 40, "society": 45, "group": 35, "department": 30, "division": 30, "unit": 25, "domain": 35,
	"project": 30, "environment": 25, "region": 15, "branch": 25, "entity": 25, "nid": 40, "owner": 20,
	// other tongues
	"mandante": 90, "empresa": 70, "entreprise": 65, "societe": 60, "firma": 60, "unternehmen": 65, "organisatie": 70, "bedrijf": 65, "azienda": 65,
	"cliente": 50, "kunde": 50, "klant": 50,
}

// Words that make of a tenant's name something else: another's, a former one, a kind, a count.
var otherWords = map[string]bool{
	"parent": true, "previous": true, "prev": true, "old": true, "new": true, "source": true, "src": true, "target": true, "dest": true,
	"destination": true, "from": true, "to": true, "original": true, "origin": true, "linked": true, "related": true, "referred": true, "child": true,
	"sub": true, "billing": true, "external": true, "stripe": true, "default": true, "last": true, "next": true, "selected": true, "active": true,
	"type": true, "count": true, "status": true, "email": true, "phone": true, "url": true, "title": true, "description": true, "at": true,
	"is": true, "has": true, "plan": true, "role": true, "size": true, "level": true, "bank": true, "settings": true, "config": true, "secret": true,
	"token": true, "password": true, "partition": true, "balance": true, "kind": true, "category": true, "date": true, "time": true,
}

// personWords name people: a column that holds them says who, not whose.
var personWords = map[string]bool{
	"user": true, "users": true, "uid": true, "userid": true, "member": true, "members": true, "person": true, "people": true, "profile": true,
	"profiles": true, "employee": true, "staff": true, "author": true, "creator": true, "actor": true, "subject": true, "sub": true, "login": true,
	"email": true, "username": true, "principal": true, "identity": true, "agent": true, "operator": true, "contact": true, "assignee": true,
}

// tenantWeight says how much a column's name speaks for its being the tenant key; 0: not at all.
func tenantWeight(column string) int {
	ws := words(column)
	best, extra := 0, 0
	for i, w := range ws {
		if otherWords[w] && !(w == "name" && i == len(ws)-1) {
			return 0
		}
		if weight := tenantWords[w]; weight > best {
			if best > 0 && best != 20 {
				extra++
			}
			best = weight
		} else if weight == 0 && !idWords[w] {
			extra++
		}
	}
	if best == 0 {
		return 0
	}
	identifying := 0
	for _, w := range ws {
		if idWords[w] {
			identifying = 8
		}
		if w == "name" || w == "number" || w == "code" || w == "hash" {
			identifying = -15
		}
	}
	return max(best+identifying-12*extra, 1)
}

// personal reports whether a name is that of a person.
func personal(name string) bool {
	for _, w := range words(name) {
		if personWords[w] {
			return true
		}
	}
	return false
}

// stem is a name without what only says that it identifies, and without number: organizationId, organization_id and
// organizations have one stem; so have organisation and organization, org, and their kin.
func stem(name string) string {
	var out []string
	for _, w := range words(name) {
		if idWords[w] && w != "record" {
			continue
		}
		out = append(out, singular(w))
	}
	return strings.Join(out, "_")
}

var spellings = map[string]string{"organisation": "organization", "org": "organization", "orgid": "organization", "tid": "tenant", "tenantid": "tenant"}

func singular(w string) string {
	switch {
	case len(w) > 4 && strings.HasSuffix(w, "ies"):
		w = w[:len(w)-3] + "y"
	case len(w) > 4 && (strings.HasSuffix(w, "xes") || strings.HasSuffix(w, "ches") || strings.HasSuffix(w, "shes") || strings.HasSuffix(w, "sses")):
		w = w[:len(w)-2]
	case len(w) > 3 && strings.HasSuffix(w, "s") && !strings.HasSuffix(w, "ss") && !strings.HasSuffix(w, "us"):
		w = w[:len(w)-1]
	}
	if s, ok := spellings[w]; ok {
		return s
	}
	return w
}
