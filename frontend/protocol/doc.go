// Package protocol is the language of the SQS API: which actions there are, what each is asked and answers, and how
// both look as bytes. It knows nothing of queues: package frontend gives the actions their meaning.
//
// A [Request] or [Response] is a plain struct that does not show which wire protocol carried it. There are two: [JSON],
// AWS JSON 1.0, which every SDK since November 2023 speaks, and [Query], form parameters in and XML out, which older
// SDKs and tools speak. What each action is asked is described once, in description.go, and what it answers once, in
// answers.go; both protocols follow from that.
//
// Reading order: action.go lists the actions, requests.go and responses.go their structs; parameter.go is what
// descriptions are made of. json.go is one protocol, with jsonreader.go, jsontext.go and jsonwriter.go below it;
// query.go the other, with form.go. Message attributes, which have rules, a digest and a stored form of their own, are
// in attributes.go, digest.go and stored.go.
//
// What goes wrong while decoding is a *[DecodeError]. It carries no error code: one table in package frontend gives
// every error its code and HTTP status.
package protocol
