// SPDX-License-Identifier: Apache-2.0

// Package configschema validates the configuration of a filter against the schema that travels in its module.
//
// [Parse] reads a schema: a Schema Object of OpenAPI 3.0, as JSON. [Schema.Validate] validates a configuration and says
// what is wrong at which field. [Schema.Explain] prints a field as kubectl explain does. [FromFile] reads what authors
// write: JSON or YAML, also the spec.yaml of a plugin of Higress.
//
// # Defaults
//
// Nothing is written into a configuration: the filter reads it as it is. A default is what the filter assumes for a field
// that is absent, as OpenAPI has it. So a configuration is valid that is so either as it is written or with the defaults. A
// null is not absent: a schema that takes it says nullable.
//
// # Trust
//
// A schema is untrusted input. Its size, depth, number of nodes and what its regular expressions compile to are
// bounded, and so are the steps of a validation. References are not followed. What is repeated of a schema in a message
// is cut; strings of a configuration are not repeated, unless the schema lists the accepted ones.
package configschema
