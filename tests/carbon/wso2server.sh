#!/bin/sh
# Start script of the stand-in Carbon server. It does what the start script of Carbon 4.0 to 4.2 was
# measured to do on Debian 12, and what is odd here is odd there: start and stop do not wait and
# never fail, CARBON_HOME of the environment wins, unquoted paths break at blanks, the test for a
# running server closes the output of ps, which then always fails.

script="$0"
while [ -h "$script" ]; do
    target=$(readlink "$script")
    case "$target" in
    /*) script="$target" ;;
    *) script="$(dirname "$script")/$target" ;;
    esac
done
[ -n "$CARBON_HOME" ] || CARBON_HOME=$(cd "$(dirname "$script")/.." && pwd)

if [ -z "$JAVACMD" ]; then
    if [ -n "$JAVA_HOME" ]; then
        JAVACMD="$JAVA_HOME/bin/java"
    else
        JAVACMD=java
    fi
fi
if [ ! -x "$JAVACMD" ]; then
    echo "Error: JAVA_HOME is not defined correctly."
    echo " CARBON cannot execute $JAVACMD"
    exit 1
fi

# the last command wins; every other word goes on to Java
args=""
command=""
port=""
for word in "$@"; do
    case "$word" in
    --debug | -debug | debug) command=debug ;;
    --restart | -restart | restart) command=restart ;;
    --start | -start | start) command=start ;;
    --stop | -stop | stop) command=stop ;;
    --version | -version | version) command=version ;;
    *)
        if [ "$command" = debug ] && [ -z "$port" ]; then
            port="$word"
        else
            args="$args $word"
        fi
        ;;
    esac
done

# the scripts of 4.0 and 4.1 start the server without further words
background_args="$args"
case $(cat "$CARBON_HOME/bin/wso2carbon-version.txt" 2>/dev/null) in
*v4.0* | *v4.1*) background_args="" ;;
esac

start_in_background() {
    export CARBON_HOME
    nohup bash $CARBON_HOME/bin/wso2server.sh $background_args >/dev/null 2>&1 &
}

case "$command" in
debug)
    case "$port" in
    '' | *[!0-9]*)
        echo " Please specify the debug port after the --debug option"
        exit 1
        ;;
    esac
    JAVA_OPTS="-Xdebug -Xrunjdwp:transport=dt_socket,server=y,suspend=y,address=$port $JAVA_OPTS"
    ;;
start)
    if [ -e "$CARBON_HOME/wso2carbon.pid" ]; then
        if ps -p $(cat $CARBON_HOME/wso2carbon.pid) >&-; then
            echo "Process is already running"
            exit 0
        fi
    fi 2>/dev/null
    start_in_background
    exit 0
    ;;
stop)
    kill -term $(cat $CARBON_HOME/wso2carbon.pid)
    exit 0
    ;;
restart)
    kill -term $(cat $CARBON_HOME/wso2carbon.pid)
    pid=$(cat $CARBON_HOME/wso2carbon.pid)
    running=0
    while [ "$running" -eq 0 ]; do
        sleep 1
        ps -p $pid 2>/dev/null
        running=$?
    done
    start_in_background
    exit 0
    ;;
version)
    cat "$CARBON_HOME/bin/version.txt"
    cat "$CARBON_HOME/bin/wso2carbon-version.txt"
    exit 0
    ;;
esac

if ! "$JAVACMD" -version 2>&1 | grep -q '1\.[67]'; then
    echo " Starting WSO2 Carbon (in unsupported JDK)"
    echo " [ERROR] CARBON is supported only on JDK 1.6 and 1.7"
fi

cd "$CARBON_HOME" || exit 0
echo "JAVA_HOME environment variable is set to $JAVA_HOME"
echo "CARBON_HOME environment variable is set to $CARBON_HOME"

# 121: the management console asked for a restart
status=121
while [ "$status" = 121 ]; do
    "$JAVACMD" -Xms256m -Xmx1024m -XX:MaxPermSize=256m $JAVA_OPTS \
        -Dcarbon.registry.root=/ \
        -Dcarbon.home="$CARBON_HOME" \
        -Djava.io.tmpdir="$CARBON_HOME/tmp" \
        -Dwso2.server.standalone=true \
        -Djava.command="$JAVACMD" \
        org.wso2.carbon.bootstrap.Bootstrap $args
    status=$?
done
exit 0
