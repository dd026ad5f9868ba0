package catalog

import "strings"

// A treeClass is the kind of object that a field of a stored tree names by OID.
type treeClass int

const (
	classNone treeClass = iota
	classRelation
	classFunction
	classOperator
	classType
	classCollation
	classRole
	classFamily     // operator family: pinned, built-in ones keep their OIDs
	classConstraint // of ON CONFLICT ON CONSTRAINT
	classOpclass
)

// treeFields are the fields of nodes (14 to 18) that hold OIDs, alone or as a list "(o 1 2)".
var treeFields = map[string]treeClass{
	"relid": classRelation, "resorigtbl": classRelation, "seqid": classRelation, "relationOid": classRelation,
	"funcid": classFunction, "opfuncid": classFunction, "aggfnoid": classFunction, "winfnoid": classFunction, "hashfuncid": classFunction,
	"negfuncid": classFunction, "inputfuncid": classFunction, "elemfuncid": classFunction, "tsmhandler": classFunction,
	"opno": classOperator, "opnos": classOperator, "eqop": classOperator, "sortop": classOperator, "cycle_mark_neop": classOperator,
	"consttype": classType, "vartype": classType, "paramtype": classType, "funcresulttype": classType, "opresulttype": classType,
	"aggtype": classType, "aggtranstype": classType, "aggargtypes": classType, "wintype": classType, "resulttype": classType,
	"casetype": classType, "typeId": classType, "coalescetype": classType, "minmaxtype": classType, "array_typeid": classType,
	"element_typeid": classType, "row_typeid": classType, "refcontainertype": classType, "refelemtype": classType, "refrestype": classType,
	"type": classType, "coltypes": classType, "funccoltypes": classType, "ctecoltypes": classType, "cycle_mark_type": classType, "typid": classType,
	"colTypes": classType, "targettype": classType, "inferopclass": classOpclass, "collation": classCollation, "cycle_mark_collation": classCollation,
	"colcollations": classCollation, "funccolcollations": classCollation, "ctecolcollations": classCollation, "inputcollids": classCollation,
	"colCollations": classCollation, "collOid": classCollation, "checkAsUser": classRole, "opfamilies": classFamily, "opfamily": classFamily,
	"constraint": classConstraint,
}

// fieldClass is the class of a field; every "…collid" is a collation.
func fieldClass(name string) treeClass {
	if c := treeFields[name]; c != classNone {
		return c
	}
	if strings.HasSuffix(name, "collid") {
		return classCollation
	}
	return classNone
}

// aliasTypes are the types whose values are OIDs themselves: a literal of one names an object ('s'::regclass in nextval).
var aliasTypes = map[uint32]treeClass{
	2205: classRelation, 24: classFunction, 2202: classFunction, 2203: classOperator, 2204: classOperator, 2206: classType,
	4191: classCollation, 4096: classRole,
}
