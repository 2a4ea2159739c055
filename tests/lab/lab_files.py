"""The files that an operator writes: agent.xml of each host, cluster.xml."""
from xml.sax.saxutils import quoteattr

AGENT_PORT = 9700


def attributes(**values):
    return " ".join(f"{name.replace('_', '-')}={quoteattr(str(value))}"
                    for name, value in values.items())


def agent_xml(cluster, name, address, folder, profile, body):
    """`folder`: of this host: tls/, state/, backup/ are in it; `body`: node and database elements.
    """
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<agent xmlns="urn:dss-upgrade:agent:1" {attributes(cluster=cluster, name=name)}>
  <listen {attributes(address=address, port=AGENT_PORT)}/>
  <tls ca="tls/ca.crt" certificate="tls/{name}.crt" key="tls/{name}.key"/>
  <state {attributes(directory=folder / "state")}/>
  <backup {attributes(directory=folder / "backup")}/>
  <profile {attributes(directory=profile)}/>
{body}
</agent>
"""


def node_element(**values):
    return f"  <node {attributes(**values)}/>"


def database_element(name, kind, production, staging):
    """`production`, `staging`: attributes of the login."""
    return f"""  <database {attributes(name=name, type=kind)}>
    <production {attributes(**production)}/>
    <staging {attributes(**staging)}/>
  </database>"""


def cluster_xml(name, strategy, agents, nodes, databases, limits):
    """`agents`: name -> address; `nodes`: (name, role); `databases`: LabDatabase."""
    agent_lines = "\n".join(f"    <agent {attributes(name=agent, address=address, port=AGENT_PORT)}/>"
                            for agent, address in agents.items())
    node_lines = "\n".join(f"    <node {attributes(name=node, agent=node, role=role)}/>"
                           for node, role in nodes)
    database_lines = "\n".join(
        f"    <database {attributes(name=d.name, agent='db1', holds=d.holds, account=d.account)}>\n"
        f"      <production {attributes(url=d.url('production'))}/>\n"
        f"      <staging {attributes(url=d.url('staging'))}/>\n"
        f"    </database>" for d in databases)
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<cluster xmlns="urn:dss-upgrade:cluster:1" {attributes(name=name, profile="dss-3.2.0",
                                                       strategy=strategy)}>
  <agents>
{agent_lines}
  </agents>
  <nodes>
{node_lines}
  </nodes>
  <databases>
{database_lines}
  </databases>
  <limits {attributes(**limits)}/>
</cluster>
"""
