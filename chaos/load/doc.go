// Package load drives a running cluster and measures it: sends, receives and deletes through the HTTP API or straight
// through the backend's RPCs, with closed-loop clients, and the time without service while a host is killed.
//
// The HTTP client here is a bare connection with prepared requests: it shares two cores with the cluster it measures,
// so what it does not spend the cluster can. It is no model for an application; those use an AWS SDK.
package load
