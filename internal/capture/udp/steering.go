package udp

import (
	"golang.org/x/net/bpf"

	"github.com/mirrorwall/mirrorwall/internal/packet"
)

// Memory cells of the steering program.
const (
	cellIP    = iota // offset of the inner IP header
	cellHash         // hash so far
	cellIHL          // length of the inner IP header
	cellFrag         // not 0: a fragment, its ports are not to be trusted
	cellProto        // transport protocol
	cellTemp
)

// steering makes the classic BPF program that names the socket of a group, 0
// to n-1, for a datagram. Offsets count from the UDP payload. The hash covers
// the inner addresses and the ports of TCP, UDP and SCTP, and is symmetric. A
// load beyond the datagram ends the program with 0: such things go to the
// first socket.
func steering(encap packet.Encap, n int) []bpf.Instruction {
	var p []bpf.Instruction
	if encap == packet.EncapGENEVE {
		p = append(p, geneveToIP()...)
	} else {
		// VXLAN header 8, Ethernet 14.
		p = append(p, bpf.LoadConstant{Dst: bpf.RegX, Val: 22})
	}
	p = append(p, bpf.StoreScratch{Src: bpf.RegX, N: cellIP})
	v4, v6, ports := steerIPv4(), steerIPv6(), steerPorts()
	p = append(p,
		bpf.LoadIndirect{Off: 0, Size: 1},
		bpf.ALUOpConstant{Op: bpf.ALUOpShiftRight, Val: 4},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: 4, SkipFalse: uint8(len(v4) + 1)},
	)
	p = append(p, v4...)
	p = append(p, bpf.Jump{Skip: uint32(2 + len(v6))}) // to ports
	p = append(p, bpf.JumpIf{Cond: bpf.JumpEqual, Val: 6, SkipTrue: 1}, bpf.RetConstant{Val: 0})
	p = append(p, v6...)
	p = append(p, ports...)
	return append(p,
		bpf.LoadScratch{Dst: bpf.RegA, N: cellHash},
		bpf.ALUOpConstant{Op: bpf.ALUOpMul, Val: 0x85ebca6b},
		bpf.TAX{},
		bpf.ALUOpConstant{Op: bpf.ALUOpShiftRight, Val: 16},
		bpf.ALUOpX{Op: bpf.ALUOpXor},
		bpf.ALUOpConstant{Op: bpf.ALUOpMod, Val: uint32(n)},
		bpf.RetA{},
	)
}

// geneveToIP sets X to the inner IP header behind GENEVE (RFC 8926 §3.4): its
// options, then Ethernet, or IP, or IP that carries VXLAN, which is how an AWS
// gateway load balancer brings mirrored traffic.
func geneveToIP() []bpf.Instruction {
	return []bpf.Instruction{
		bpf.LoadAbsolute{Off: 0, Size: 1},
		bpf.ALUOpConstant{Op: bpf.ALUOpAnd, Val: 0x3f},
		bpf.ALUOpConstant{Op: bpf.ALUOpShiftLeft, Val: 2},
		bpf.TAX{}, // bytes of options
		bpf.LoadAbsolute{Off: 2, Size: 2},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: 0x6558, SkipTrue: 10}, // Ethernet
		bpf.LoadIndirect{Off: 8 + 9, Size: 1},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: packet.ProtoUDP, SkipFalse: 5},
		bpf.LoadIndirect{Off: 8 + 20 + 2, Size: 2},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: packet.PortVXLAN, SkipFalse: 3},
		bpf.TXA{}, // GENEVE 8, IP 20, UDP 8, VXLAN 8, Ethernet 14
		bpf.ALUOpConstant{Op: bpf.ALUOpAdd, Val: 58},
		bpf.Jump{Skip: 5},
		bpf.TXA{}, // GENEVE 8
		bpf.ALUOpConstant{Op: bpf.ALUOpAdd, Val: 8},
		bpf.Jump{Skip: 2},
		bpf.TXA{}, // GENEVE 8, Ethernet 14
		bpf.ALUOpConstant{Op: bpf.ALUOpAdd, Val: 22},
		bpf.TAX{},
	}
}

// fold mixes A into the hash and leaves X at the IP header.
func fold() []bpf.Instruction {
	return []bpf.Instruction{
		bpf.LoadScratch{Dst: bpf.RegX, N: cellHash},
		bpf.ALUOpX{Op: bpf.ALUOpXor},
		bpf.StoreScratch{Src: bpf.RegA, N: cellHash},
		bpf.LoadScratch{Dst: bpf.RegX, N: cellIP},
	}
}

func steerIPv4() []bpf.Instruction {
	p := []bpf.Instruction{
		bpf.LoadIndirect{Off: 0, Size: 1},
		bpf.ALUOpConstant{Op: bpf.ALUOpAnd, Val: 0x0f},
		bpf.ALUOpConstant{Op: bpf.ALUOpShiftLeft, Val: 2},
		bpf.StoreScratch{Src: bpf.RegA, N: cellIHL},
		bpf.LoadIndirect{Off: 6, Size: 2},
		bpf.ALUOpConstant{Op: bpf.ALUOpAnd, Val: 0x3fff}, // more fragments, offset
		bpf.StoreScratch{Src: bpf.RegA, N: cellFrag},
		bpf.LoadIndirect{Off: 9, Size: 1},
		bpf.StoreScratch{Src: bpf.RegA, N: cellProto},
		bpf.LoadIndirect{Off: 12, Size: 4},
		bpf.StoreScratch{Src: bpf.RegA, N: cellHash},
		bpf.LoadIndirect{Off: 16, Size: 4},
	}
	return append(p, fold()...)
}

// steerIPv6 hashes the lower halves of the addresses, which tell hosts apart.
// Extension headers, and with them fragments, have no ports here.
func steerIPv6() []bpf.Instruction {
	p := []bpf.Instruction{
		bpf.LoadConstant{Dst: bpf.RegA, Val: 40},
		bpf.StoreScratch{Src: bpf.RegA, N: cellIHL},
		bpf.LoadConstant{Dst: bpf.RegA, Val: 0},
		bpf.StoreScratch{Src: bpf.RegA, N: cellFrag},
		bpf.StoreScratch{Src: bpf.RegA, N: cellHash},
		bpf.LoadIndirect{Off: 6, Size: 1},
		bpf.StoreScratch{Src: bpf.RegA, N: cellProto},
	}
	for _, off := range []uint32{16, 20, 32, 36} {
		p = append(p, bpf.LoadIndirect{Off: off, Size: 4})
		p = append(p, fold()...)
	}
	return p
}

// steerPorts adds the ports, when there are any to be trusted.
func steerPorts() []bpf.Instruction {
	mix := []bpf.Instruction{
		bpf.LoadScratch{Dst: bpf.RegA, N: cellIHL},
		bpf.ALUOpX{Op: bpf.ALUOpAdd},
		bpf.TAX{}, // offset of the transport header
		bpf.LoadIndirect{Off: 0, Size: 2},
		bpf.StoreScratch{Src: bpf.RegA, N: cellTemp},
		bpf.LoadIndirect{Off: 2, Size: 2},
		bpf.LoadScratch{Dst: bpf.RegX, N: cellTemp},
		bpf.ALUOpX{Op: bpf.ALUOpXor},
		bpf.ALUOpConstant{Op: bpf.ALUOpMul, Val: 0x9e3779b1},
	}
	mix = append(mix, fold()...)
	n := uint8(len(mix))
	return append([]bpf.Instruction{
		bpf.LoadScratch{Dst: bpf.RegA, N: cellFrag},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: 0, SkipFalse: n + 4},
		bpf.LoadScratch{Dst: bpf.RegA, N: cellProto},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: packet.ProtoTCP, SkipTrue: 2},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: packet.ProtoUDP, SkipTrue: 1},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: packet.ProtoSCTP, SkipFalse: n},
	}, mix...)
}
