// Package chaos holds the tests that run chasqui as its users do: real processes of the built binary, real TCP, real
// disks, the AWS SDK as the client, and SIGKILL as the fault.
//
// procs starts and kills clusters, load measures them, and the tests here keep account of every message: what was
// acknowledged must come out, FIFO groups in order and once. The chaos suite proper ("make chaos") is package suite, with
// its own clients and a network of package proxy that can be broken.
package chaos
