// This file lets functions of this package have no body: theirs are linked by name.
