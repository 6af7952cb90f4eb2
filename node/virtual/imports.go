//go:build wasip1

package virtual

import "unsafe"

// The functions of the import module "chasqui"; package abi says what they do. A string is passed as its address and
// length. None of them keeps a pointer.

//go:wasmimport chasqui net_listen
//go:noescape
func netListen(address string) int64

//go:wasmimport chasqui net_listen_close
func netListenClose(listener uint32) int64

//go:wasmimport chasqui net_dial
//go:noescape
func netDial(address string) int64

//go:wasmimport chasqui net_address
//go:noescape
func netAddress(id, which uint32, out unsafe.Pointer, length uint32) int64

//go:wasmimport chasqui net_send
//go:noescape
func netSend(connection uint32, data unsafe.Pointer, length uint32) int64

//go:wasmimport chasqui net_recv
//go:noescape
func netReceive(connection uint32, data unsafe.Pointer, length uint32) int64

//go:wasmimport chasqui net_close_write
func netCloseWrite(connection uint32) int64

//go:wasmimport chasqui net_close
func netClose(connection uint32) int64

//go:wasmimport chasqui disk_call
//go:noescape
func diskCall(op, handle uint32, offset int64, name string, data unsafe.Pointer, length uint32) int64

//go:wasmimport chasqui disk_result
//go:noescape
func diskResult(operation uint32, data unsafe.Pointer, length uint32) int64
