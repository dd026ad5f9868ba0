package audit

// leftOut are the numbers of the merged catalogue of 150 detection rules that have no rule here, each with the reason. A test
// checks that every number stands either in some rule's Source or here.
var leftOut = map[int]string{
	20:  "contained in policy-foreign-row: whether a row can move to another tenant is the cell UPDATE (move), decided with the policies",
	27:  "contained in policy-always-true: the roles of an API are application roles like any other",
	50:  "noise: permissive policies alone are the usual and right form",
	58:  "no fault: UPDATE without WITH CHECK uses USING for the new row",
	64:  "style: a comparison with the token's role isolates as well as TO",
	85:  "cannot be: PostgreSQL refuses a policy on a column that is not there, and drops none of its columns without CASCADE",
	86:  "noise: a name says nothing about what a policy does",
	87:  "noise: a user's column beside the tenant's is no fault of isolation between tenants",
	89:  "noise: FOR ALL is a right form",
	90:  "needs the application's meaning of expiry: rows of the same tenant",
	91:  "contained in the decision: what compares unlike types is judged by what it does",
	99:  "no fault: an ordinary trigger runs as the one who fires it",
	109: "contained in definer-function-reaches: EXECUTE is asked of the caller, through a view too",
	111: "not in the catalogue: what an API shows is its own configuration; what it can reach is judged by its roles",
	112: "a vendor's upgrade, no fault of isolation",
	117: "contained in definer-function-reaches: who inserts needs EXECUTE on what a default calls, so he can call it himself",
	129: "noise: what a definer function reaches is told of the function; PUBLIC's EXECUTE on others gives nobody a new right",
	130: "noise: which columns are personal data is guessed from names; grants on columns are in the decision",
	131: "noise: which columns are powers is guessed from names; the tenant key's own is in the decision",
	137: "the work of drift: accepted snapshot against the present one",
	138: "not in the catalogue: pg_hba.conf and passwords are the server's",
	147: "speed: measured by bench, with EXPLAIN",
	148: "speed: measured by bench, with EXPLAIN",
	150: "speed: measured by bench and monitor",
}
