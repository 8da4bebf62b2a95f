//! The services and their methods: what stubs and servers are made of.

/// Hands each service to the macro that makes something of it: its trait, stub and server, its name, and its methods. A method is
/// `unary` (one request, one answer), `download` (one request, many answers) or `exchange` (many of both).
macro_rules! services {
    ($make:ident) => {
        $make! {
            /// Keys and values.
            Kv, KvClient, KvServer, "etcdserverpb.KV" {
                unary range "Range" (RangeRequest) -> RangeResponse;
                unary put "Put" (PutRequest) -> PutResponse;
                unary delete_range "DeleteRange" (DeleteRangeRequest) -> DeleteRangeResponse;
                unary txn "Txn" (TxnRequest) -> TxnResponse;
                unary compact "Compact" (CompactionRequest) -> CompactionResponse;
            }
        }

        $make! {
            /// Watches.
            Watch, WatchClient, WatchServer, "etcdserverpb.Watch" {
                exchange watch "Watch" (WatchRequest) -> WatchResponse;
            }
        }

        $make! {
            /// Leases.
            Lease, LeaseClient, LeaseServer, "etcdserverpb.Lease" {
                unary lease_grant "LeaseGrant" (LeaseGrantRequest) -> LeaseGrantResponse;
                unary lease_revoke "LeaseRevoke" (LeaseRevokeRequest) -> LeaseRevokeResponse;
                exchange lease_keep_alive "LeaseKeepAlive" (LeaseKeepAliveRequest) -> LeaseKeepAliveResponse;
                unary lease_time_to_live "LeaseTimeToLive" (LeaseTimeToLiveRequest) -> LeaseTimeToLiveResponse;
                unary lease_leases "LeaseLeases" (LeaseLeasesRequest) -> LeaseLeasesResponse;
            }
        }

        $make! {
            /// The members of the cluster.
            Cluster, ClusterClient, ClusterServer, "etcdserverpb.Cluster" {
                unary member_add "MemberAdd" (MemberAddRequest) -> MemberAddResponse;
                unary member_remove "MemberRemove" (MemberRemoveRequest) -> MemberRemoveResponse;
                unary member_update "MemberUpdate" (MemberUpdateRequest) -> MemberUpdateResponse;
                unary member_list "MemberList" (MemberListRequest) -> MemberListResponse;
                unary member_promote "MemberPromote" (MemberPromoteRequest) -> MemberPromoteResponse;
            }
        }

        $make! {
            /// Looking after a member.
            Maintenance, MaintenanceClient, MaintenanceServer, "etcdserverpb.Maintenance" {
                unary alarm "Alarm" (AlarmRequest) -> AlarmResponse;
                unary status "Status" (StatusRequest) -> StatusResponse;
                unary defragment "Defragment" (DefragmentRequest) -> DefragmentResponse;
                unary hash "Hash" (HashRequest) -> HashResponse;
                unary hash_kv "HashKV" (HashKvRequest) -> HashKvResponse;
                download snapshot "Snapshot" (SnapshotRequest) -> SnapshotResponse;
                unary move_leader "MoveLeader" (MoveLeaderRequest) -> MoveLeaderResponse;
                unary downgrade "Downgrade" (DowngradeRequest) -> DowngradeResponse;
            }
        }

        $make! {
            /// Passwords.
            Auth, AuthClient, AuthServer, "etcdserverpb.Auth" {
                unary authenticate "Authenticate" (AuthenticateRequest) -> AuthenticateResponse;
                unary auth_status "AuthStatus" (AuthStatusRequest) -> AuthStatusResponse;
            }
        }
    };
}
