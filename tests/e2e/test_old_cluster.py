"""The cluster before anyone upgrades it: without this, nothing that follows proves anything."""
import pytest


@pytest.mark.parametrize("namespaces", [None, False], ids=["best-network", "loopback"])
@pytest.mark.parametrize("database,layout,databases", [
    ("mariadb", "4.0", 1), ("mariadb", "4.1", 2), ("postgresql", "4.0", 2), ("postgresql", "4.2", 1)])
def test_three_old_servers_run_on_their_database(new_lab, database, layout, databases, namespaces):
    lab = new_lab(database=database, layout=layout, databases=databases, namespaces=namespaces)
    lab.prepare()
    for node in lab.nodes:
        assert lab.old[node].logs_in()
        assert lab.old[node].logs_in("admin@blue.example.com")
        assert not lab.old[node].logs_in("admin", "wrong password")
    hosts = {host for _, host in lab.sessions("production")}
    assert hosts == {lab.network.addresses[node] for node in lab.nodes}
    assert lab.sessions("staging") == []
    for node in lab.nodes:
        lab.old[node].stop()
    assert lab.sessions("production") == []


def test_a_closed_lab_leaves_nothing_behind(new_lab):
    lab = new_lab(nodes=1)
    lab.prepare()
    folder, pids = lab.folder, lab.old["node1"].pids()
    assert folder.exists() and pids
    lab.close()
    assert not folder.exists()
    assert lab.old["node1"].pids() == []
