// Package securitytest simulates a Keyfactor Command server: an in-memory server that speaks the wire protocol of the
// security API, for tests, examples, and trying things out without a server at hand.
//
// [Start] starts it for a test, [NewServer] without one, both with TLS on the loopback interface. [NewHandler] returns
// the bare [http.Handler] to mount anywhere. All of them answer every operation of the security API (roles, claims,
// identities, permission sets, identity providers, access questions, certificate audits) from one coherent state: a
// claim added through a role appears under /Security/Claims, a collection permission given through version 1 of a role
// shows up as a scoped path in version 2, a member added through one version is read through the other, and what a
// caller may do follows from the roles that the caller holds.
//
//	func TestOnboarding(t *testing.T) {
//		server := securitytest.Start(t, securitytest.WithLegacyTenant(1, 300))
//		client, err := server.Client()
//		...
//	}
//
// The handlers share no type with the services of this library, so that any client of the API can be tested with them.
//
// # Compatibility
//
// This package is exempt from the compatibility promise of the module: what it simulates is corrected whenever more
// becomes known about the real server, and its functions and types change with it.
//
// # Faithfulness
//
// Status codes, member names, member order, and what is null and what is left out follow recorded traffic as far as
// there is any. Several behaviors of the real server are not published anywhere. For those the simulation makes an
// assumption and says so, in the comment of the code or of the field of [Quirks] that changes it. Clients should not
// rely on them. Error codes and texts in particular are made up, except for those of an invalid sort field, a missing
// role and a missing certificate.
//
// # Faults
//
// [Handler.Inject] makes requests fail in the ways real installations, and hostile ones, fail: a [Fault] says which
// requests are hit and how. Connections are refused, reset before the request is read and after it was carried out, or
// say nothing; answers have error statuses, redirect, stall, drip, break off, never end, unpack to far more than was
// sent, are a login page or no HTTP at all; lists repeat, shift or lie about their length; another object answers; other
// programs write in between. Faults combine. [WithHTTP2] plays them in HTTP/2. [Handler.UnusedFaults] tells which of them
// never fired.
//
// [Handler.InjectChaos] hits random requests with random faults, which a seed repeats.
//
// # More endpoints
//
// Beside the security API the server lists what single permissions are about: GET /CertificateCollections (with the
// query of each, as Content), /CertificateStoreContainers and /PamProviders, all of version 1.
//
// Programs that call more of Command than its security API find the rest with [WithEndpoint]: an operation of your own
// behind the same authorization.
package securitytest
