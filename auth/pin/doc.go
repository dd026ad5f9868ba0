// Package pin logs people in by a short PIN on an enrolled device, and gives them tokens of package auth.
//
// A PIN of four to six digits is guessed in at most a million tries, so it is never alone. The device names itself by a random
// secret, and with it the tenant; the user is named before the PIN; each try is counted in PostgreSQL before it is compared, by
// one statement under the user's row lock; five wrong ones lock that user, and nobody else, for fifteen minutes; device, network
// and tenant have budgets of their own, under keys that the server derives. What is stored is argon2id over an HMAC whose key
// never enters the database, so that a stolen table answers no guess. Every refusal costs and reads the same.
//
// The tables and the functions that alone reach them are made by "ringfence apply" where ringfence.yaml has pin. Service is the
// login; Handler serves it over HTTP; Operator is what people who run it need. To add a rule for new PINs: rule.go.
package pin
