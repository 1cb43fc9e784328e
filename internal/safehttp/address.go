package safehttp

import "net/netip"

// Unreachable for everybody, the listed hosts too: what answers there gives a
// machine's credentials to whoever runs on it.
var metadata = addresses(
	"169.254.169.254", "169.254.170.2", "169.254.170.23", // most clouds; AWS containers and pods
	"fd00:ec2::254", "fd00:ec2::23", // AWS
	"fd20:ce::254",    // Google
	"fd00:42::42",     // Scaleway
	"100.100.100.200", // Alibaba
	"168.63.129.16",   // Azure, which is in a public range
	"192.0.0.192",     // Oracle
)

// What a listed host may be besides a public address.
var local = prefixes(
	"127.0.0.0/8", "::1/128",
	"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", // RFC 1918
	"100.64.0.0/10", // RFC 6598
	"fc00::/7",      // RFC 4193
)

// The parts of IPv4, and of 2000::/3 in IPv6, that are not the public internet, after the
// IANA registries of special-purpose addresses.
var special = prefixes(
	"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
	"192.0.0.0/24", "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24",
	"192.168.0.0/16", "192.175.48.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
	"224.0.0.0/4", "240.0.0.0/4",
	"2001::/23",     // protocol assignments: Teredo, benchmarks, ORCHID
	"2001:db8::/32", // documentation
	"2002::/16",     // 6to4, which would carry any IPv4 address
	"2620:4f:8000::/48",
	"3fff::/20", // documentation
)

var (
	globalUnicast = netip.MustParsePrefix("2000::/3")
	nat64         = netip.MustParsePrefix("64:ff9b::/96") // RFC 6052; how an IPv6-only network reaches IPv4
)

// plain takes an address out of the forms that carry an IPv4 address to its peer, and
// drops the zone.
func plain(a netip.Addr) netip.Addr {
	a = a.Unmap().WithZone("")
	if nat64.Contains(a) {
		b := a.As16()
		return netip.AddrFrom4([4]byte(b[12:]))
	}
	return a
}

// Public reports whether an address is on the public internet: not loopback, private,
// link-local, shared, multicast, reserved, for documentation, or one where a cloud
// answers its machines, in no form of writing it.
func Public(a netip.Addr) bool {
	a = plain(a)
	if !a.IsValid() || !a.Is4() && !globalUnicast.Contains(a) {
		return false
	}
	return !metadata[a] && !within(a, special)
}

// reachable is what a listed host may be: public, or local, but nothing in between.
func reachable(a netip.Addr) bool {
	a = plain(a)
	return !metadata[a] && within(a, local) || Public(a)
}

func within(a netip.Addr, ps []netip.Prefix) bool {
	for _, p := range ps {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

func prefixes(texts ...string) []netip.Prefix {
	var ps []netip.Prefix
	for _, t := range texts {
		ps = append(ps, netip.MustParsePrefix(t))
	}
	return ps
}

func addresses(texts ...string) map[netip.Addr]bool {
	as := make(map[netip.Addr]bool)
	for _, t := range texts {
		as[netip.MustParseAddr(t)] = true
	}
	return as
}
